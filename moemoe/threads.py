"""How OpenMP's threads wait for each other.

By itself each one spins for a while, which is quickest where nobody else wants the cores. Beside other work the thread
that is waited for may not run meanwhile: two threads then trained at a fifteenth of the pace of two that sleep.
"""

#: Environment of a process in which torch is to be loaded; what a person has set goes before it.
SLEEPING_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
