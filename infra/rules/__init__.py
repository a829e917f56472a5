"""What must hold of the translated template and no linter asks: a function for each rule."""
