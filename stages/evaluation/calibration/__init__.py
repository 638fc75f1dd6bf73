"""Labels of people, and what they say of a judge: agreement, errors, corrected rates."""
