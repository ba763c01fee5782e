"""What a NEP is: settings, parameters, the slow reference."""
