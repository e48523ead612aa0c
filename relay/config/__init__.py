"""The settings: read from conf.yaml and the environment, and checked as a whole."""

from relay.config.model import HOME, Config, ConfigError, MattermostSettings, load

__all__ = ["HOME", "Config", "ConfigError", "MattermostSettings", "load"]
