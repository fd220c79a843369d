"""Every case against separate processes, one for each role, over loopback."""

import unittest

import cases_bad_input
import cases_http
import cases_ingest
import cases_query
import cases_real_profiles
from cases import Cases, start_shared, stop_shared
from cluster import SeparateProcesses


def setUpModule():
    start_shared(SeparateProcesses)


def tearDownModule():
    stop_shared()


# One TestCase per case class of the modules above.
for _module in (cases_ingest, cases_query, cases_http, cases_real_profiles, cases_bad_input):
    for _name, _cases in sorted(vars(_module).items()):
        if isinstance(_cases, type) and issubclass(_cases, Cases) and _cases is not Cases:
            globals()[_name] = type(_name, (_cases, unittest.TestCase), {"__module__": __name__, "__doc__": _cases.__doc__})

if __name__ == "__main__":
    unittest.main()
