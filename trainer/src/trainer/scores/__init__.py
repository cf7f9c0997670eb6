"""How good answers are, by what they answer: classes, numbers or pictures."""
