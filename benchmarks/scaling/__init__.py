"""What a task costs on 1, 3 and 6 masters, and what moves and beats cost."""
