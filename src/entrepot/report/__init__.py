"""Tables, charts and pages made from results; nothing is computed here that a result does not hold."""
