"""What the test modules share: one cluster per module, one tenant per test.

A test module (test_monolith.py, test_processes.py) sets the kind of cluster and mixes in the case classes of cases_*.py, so
that every case runs against both shapes of the system.
"""

import itertools
import os

import client
import cluster

_tenants = itertools.count(1)


def start_shared(kind):
    """For setUpModule."""
    Cases.cluster = kind().start()


def stop_shared():
    """For tearDownModule: also checks that the drain ends well after all that the cases did."""
    running, Cases.cluster = Cases.cluster, None
    if running:
        running.stop()


class Cases:
    """Mix-in of unittest.TestCase classes."""

    cluster = None

    def setUp(self):
        self.client = self.new_tenant()

    def new_tenant(self):
        """A client of a tenant that no other test uses."""
        return client.Client(self.cluster, f"tenant-{os.getpid()}-{next(_tenants)}")

    def assert_error(self, answer, status, *parts):
        """The status, a message that has all the parts in it, and the code that belongs to the status."""
        self.assertEqual(answer.status, status, answer)
        code, message = answer.error
        for part in parts:
            self.assertIn(part.lower(), message.lower())
        expected = {400: ("invalid_argument", "failed_precondition", "out_of_range"), 401: ("unauthenticated",),
                    404: ("not_found",), 429: ("resource_exhausted",)}.get(status)
        if expected:
            self.assertIn(code, expected)
        return message


# Folder of the real profiles, or None.
REAL_PROFILES = os.path.join(cluster.DATA, "pprof")
if not os.path.isdir(REAL_PROFILES):
    REAL_PROFILES = None
