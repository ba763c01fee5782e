"""What a NEP is: its settings, its parameters, and a slow, obvious reference for energy, forces and virial."""
