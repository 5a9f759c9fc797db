"""The way from one state of the world to the next: ``schema`` takes the database along."""
