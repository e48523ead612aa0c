"""What people do in chat: commands, buttons and dialogs become events of the journal."""
