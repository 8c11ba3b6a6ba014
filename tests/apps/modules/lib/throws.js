throw new RangeError("while it was evaluated");
