"""A deterministic simulation of whole runs: the real transport, executor and ledger, the sandbox's
portals, and a clock of its own, in one process and one thread. A schedule is a number: the same
number gives the same world, the same faults and the same end, every time.

    simulation   time, the wire between the program and the portals, death and interruption
    worlds       what is live, what the files say, how a person edits both
    truth        whether the portals' own state is as it has to be
    schedule     one number from its world to its clean apply
    __main__     many numbers, on all cores; one number again, told step by step
"""
