"""What the contenders in Python share; the twin of ../c/work.h and ../lua/work.lua."""
import resource
import sys
import time

REQUEST, ECHO = b"r" * 16, b"e" * 64
WARM_MOST = 50
PAGE = resource.getpagesize()


class Job:
    """WORKLOAD ADDRESS PORT HOST CA COUNT [PARAM [STALL_PORT]]"""

    def __init__(self, arguments):
        self.workload, self.address, self.port, self.host, self.ca, self.count = arguments[:6]
        rest = arguments[6:] + ["0", "0"]
        self.port, self.count = int(self.port), int(self.count)
        self.param, self.stall_port = int(rest[0]), int(rest[1])
        self.block = b"b" * self.param
        self.is_system = self.ca == "system"

    def warm_count(self):
        return 0 if self.workload == "cold" else min(self.count // 8 + 1, WARM_MOST)


def mark():
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/statm", encoding="ascii") as statm:
        resident = int(statm.read().split()[1]) * PAGE
    return used.ru_utime, used.ru_stime, time.monotonic(), used.ru_maxrss, resident


def report(job, begin, end):
    each = job.param if job.workload == "inflight" else 1
    ops, warm = job.count * each, job.warm_count() * each
    user, system, wall = (end[i] - begin[i] for i in range(3))
    print(f'{{"ops": {ops}, "warm": {warm}, "user": {user:.6f}, "sys": {system:.6f}, '
          f'"wall": {wall:.6f}, "maxrss": {end[3]}, "rss": {end[4] - begin[4]}}}')
    sys.stdout.flush()
