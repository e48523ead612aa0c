"""What each recorded answer means to the caller of each method.

The columns: the method; the answer's status and error id; the class of the value or the error.
A `list` holds values, a `set` ids. `test_recordings.py` compares, and wants every row recorded.
"""

TABLE = """
me                  200                                                           User
me                  401 api.context.session_expired.app_error                     Unauthorised
me                  429                                                           RateLimited
me                  500 app.user_terms_of_service.get_by_user.app_error           ServerTrouble
user_by_email       200                                                           User
user_by_email       404 app.user.missing_account.const                            None
users_by_usernames  200                                                           list
users_by_usernames  500 app.user.get_profiles.app_error                           ServerTrouble
team_by_name        200                                                           Team
team_by_name        403 api.context.permissions.app_error                         Forbidden
create_channel      201                                                           Channel
create_channel      400 api.channel.create_channel.max_channel_limit.app_error    Refused
create_channel      400 model.channel.is_valid.2_or_more.app_error                Refused
create_channel      400 model.channel.is_valid.display_name.app_error             TooLong
create_channel      400 model.channel.is_valid.header.app_error                   TooLong
create_channel      400 model.channel.is_valid.name.app_error                     Refused
create_channel      400 model.channel.is_valid.purpose.app_error                  TooLong
create_channel      400 store.sql_channel.save_channel.exists.app_error           NameTaken
create_channel      401 api.context.session_expired.app_error                     Unauthorised
create_channel      403 api.context.permissions.app_error                         Forbidden
create_channel      500 app.channel.create_channel.internal_error                 Refused
create_channel      500 app.channel.get_channels.get.app_error                    ServerTrouble
channel             200                                                           Channel
channel             400 api.context.invalid_url_param.app_error                   Missing
channel             403 api.context.permissions.app_error                         Forbidden
channel             404 app.channel.get.existing.app_error                        Missing
channel_by_name     200                                                           Channel
channel_by_name     403 api.context.permissions.app_error                         Forbidden
channel_by_name     404 api.context.404.app_error                                 None
channel_by_name     404 app.channel.get_by_name.missing.app_error                 None
channel_by_name     500 app.channel.get_by_name.existing.app_error                ServerTrouble
my_channels         200                                                           list
patch_channel       200                                                           Channel
patch_channel       400 app.channel.update.bad_id                                 ChannelArchived
patch_channel       400 model.channel.is_valid.display_name.app_error             TooLong
patch_channel       400 model.channel.is_valid.header.app_error                   TooLong
patch_channel       400 model.channel.is_valid.purpose.app_error                  TooLong
patch_channel       403 api.context.permissions.app_error                         Forbidden
patch_channel       404 app.channel.get.existing.app_error                        Missing
patch_channel       500 app.channel.get.find.app_error                            ServerTrouble
patch_channel       500 app.channel.update_channel.internal_error                 Refused
archive_channel     200                                                           None
archive_channel     400 api.channel.delete_channel.cannot.app_error               Refused
archive_channel     400 api.channel.delete_channel.deleted.app_error              AlreadySo
archive_channel     403 api.context.permissions.app_error                         Forbidden
archive_channel     404 app.channel.get.existing.app_error                        Missing
archive_channel     500 app.channel.get.find.app_error                            ServerTrouble
restore_channel     200                                                           None
restore_channel     400 api.channel.restore_channel.restored.app_error            AlreadySo
restore_channel     403 api.context.permissions.app_error                         Forbidden
add_members         201                                                           set
add_members         400 api.context.invalid_body_param.app_error                  Refused
add_members         403 api.context.permissions.app_error                         Forbidden
add_members         404 app.channel.get.existing.app_error                        Missing
add_members         404 app.team.get_member.missing.app_error                     NotInTeam
add_members         404 app.user.missing_account.const                            Missing
add_members         500 api.channel.add_user.to.channel.failed.app_error          Pending
add_members         500 app.channel.get.find.app_error                            ServerTrouble
remove_member       200                                                           None
remove_member       400 api.channel.remove.default.app_error                      Refused
remove_member       400 api.context.invalid_url_param.app_error                   Missing
remove_member       404 app.channel.get_member.missing.app_error                  AlreadySo
remove_member       404 app.user.missing_account.const                            Missing
remove_member       500 app.channel.get.find.app_error                            ServerTrouble
member_ids          200                                                           set
create_post         201                                                           Post
create_post         400 api.context.invalid_param.app_error                       Refused
create_post         400 api.post.create_post.can_not_post_to_deleted.error        ChannelArchived
create_post         400 model.post.is_valid.msg.app_error                         TooLong
create_post         400 model.post.is_valid.props.app_error                       TooLong
create_post         401 api.context.session_expired.app_error                     Unauthorised
create_post         403 api.context.permissions.app_error                         Forbidden
create_post         429                                                           RateLimited
create_post         500 app.post.save.app_error                                   Refused
patch_post          200                                                           Post
patch_post          400 api.post.patch_post.can_not_update_post_in_deleted.error  ChannelArchived
patch_post          400 api.post.update_post.system_message.app_error             Refused
patch_post          400 model.post.is_valid.msg.app_error                         TooLong
patch_post          403 api.context.permissions.app_error                         Forbidden
pin_post            200                                                           None
pin_post            400 api.post.patch_post.can_not_update_post_in_deleted.error  ChannelArchived
pin_post            403 api.context.permissions.app_error                         Forbidden
pin_post            404 app.post.get.app_error                                    Missing
delete_post         200                                                           None
delete_post         403 api.context.permissions.app_error                         Forbidden
posts               200                                                           list
posts               403 api.context.permissions.app_error                         Forbidden
posts               500 app.post.get_root_posts.app_error                         ServerTrouble
user                200                                                           User
user                404 app.user.missing_account.const                            Missing
in_team             200                                                           True
in_team             404 app.team.get_member.missing.app_error                     False
create_direct       201                                                           Channel
commands            403 api.context.permissions.app_error                         Forbidden
create_command      201                                                           Command
create_command      400 api.command.duplicate_trigger.app_error                   NameTaken
create_command      400 model.command.is_valid.trigger.app_error                  Refused
create_command      400 model.command.is_valid.url_http.app_error                 Refused
create_command      403 api.context.permissions.app_error                         Forbidden
regen_command_token  200                                                          str
run_command         200                                                           str
run_command         400 api.command.execute_command.start.app_error               Refused
run_command         403 api.context.permissions.app_error                         Forbidden
run_command         404 api.command.execute_command.not_found.app_error           Missing
run_command         500 api.command.execute_command.create_post_failed.app_error  ServerTrouble
run_command         500 api.command.execute_command.failed.app_error              ServerTrouble
run_command         500 api.command.execute_command.failed_resp.app_error         ServerTrouble
respond             200                                                           None
respond             400 app.command_webhook.try_use.invalid                       Refused
respond             404 app.command_webhook.get.missing                           Missing
open_dialog         200                                                           None
open_dialog         400 interactive_message.decode_trigger_id.expired             Refused
open_dialog         400 interactive_message.decode_trigger_id.missing_data        Refused
click               200                                                           None
click               400 api.post.do_action.action_integration.app_error           Refused
click               400 model.post.is_valid.msg.app_error                         TooLong
click               403 api.context.permissions.app_error                         Forbidden
click               404 api.context.404.app_error                                 Missing
click               404 api.post.do_action.action_id.app_error                    Missing
healthy             200                                                           True
healthy             500                                                           False
"""
