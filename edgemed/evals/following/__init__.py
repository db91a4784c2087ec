"""Instructions that a program can verify: IFEval's 25 kinds (Zhou et al. 2023)."""
