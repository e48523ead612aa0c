"""Flask, and nothing but Flask: a request in, a call of the relay's own, an answer out."""
