"""Parts of the screen that draw lines; each can be tested as text, without a terminal."""
