"""HTTP itself: status codes, content types, encodings, what needs no tenant."""

import gzip
import json

from cases import Cases
from client import CPU_TYPE, cpu_profile, far_future_ms, request


class HttpCases(Cases):
    METHOD = "/querier.v1.QuerierService/LabelNames"

    def call(self, method="POST", path=METHOD, body=None, **headers):
        body = json.dumps({"start": 1, "end": far_future_ms()}) if body is None else body
        return request(self.client.query_url, method, path, body, self.client.headers(**headers))

    def test_only_post(self):
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            answer = self.call(method, Content_Type="application/json")
            self.assertEqual((answer.status, answer.headers.get("allow")), (405, "POST"), method)
        answer = request(self.client.push_url, "GET", "/push.v1.PusherService/Push", headers=self.client.headers())
        self.assertEqual((answer.status, answer.headers.get("allow")), (405, "POST"))

    def test_unknown_methods_and_services(self):
        for path in ("/querier.v1.QuerierService/Nope", "/nope.v1.Nope/Nope"):
            self.assertEqual(self.call(path=path, Content_Type="application/json").status, 404, path)

    def test_content_types(self):
        self.assertEqual(self.call(Content_Type="application/json; charset=utf-8").status, 200)
        for kind in ("text/plain", "application/xml", ""):
            answer = self.call(Content_Type=kind)
            self.assertEqual(answer.status, 415, kind)
            self.assertIn("application/json", answer.headers.get("accept-post", ""))

    def test_bad_json(self):
        for body in ("bad", "{", '{"start":"x"}', "[]", '{"start":1}}'):
            answer = self.call(body=body, Content_Type="application/json")
            self.assert_error(answer, 400)

    def test_numbers_may_be_strings_and_unknown_fields_are_ignored(self):
        body = json.dumps({"start": "1", "end": str(far_future_ms()), "whatever": {"a": [1]}})
        self.assertEqual(self.call(body=body, Content_Type="application/json").status, 200)

    def test_bad_protobuf(self):
        self.assert_error(self.call(body=b"\xff\xff\xff", Content_Type="application/proto"), 400)

    def test_gzip_both_ways(self):
        self.client.push(cpu_profile({f"main;function_{i}": i + 1 for i in range(500)}))
        body = json.dumps({"profileTypeID": CPU_TYPE, "labelSelector": "{}", "start": 1, "end": far_future_ms()}).encode()
        answer = self.call(path="/querier.v1.QuerierService/SelectMergeStacktraces", body=gzip.compress(body),
                           Content_Type="application/json", Content_Encoding="gzip", Accept_Encoding="gzip")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers.get("content-encoding"), "gzip")
        self.assertIn("function_499", gzip.decompress(answer.body).decode())

    def test_unknown_content_encoding(self):
        answer = self.call(Content_Type="application/json", Content_Encoding="zip")
        self.assertGreaterEqual(answer.status, 400)
        self.assertLess(answer.status, 502)
        self.assertIn("zip", answer.body.decode())

    def test_ready_and_metrics_need_no_tenant(self):
        for process in self.cluster.processes:
            with self.subTest(process.name):
                self.assertEqual(request(process.url, "GET", "/ready").status, 200)
                answer = request(process.url, "GET", "/metrics")
                self.assertEqual(answer.status, 200)
                lines = [line for line in answer.body.decode().splitlines() if line and not line.startswith("#")]
                self.assertGreater(len(lines), 5)
                for line in lines:
                    name, value = line.rsplit(" ", 1)
                    float(value)
                    self.assertRegex(name, r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})?$")

    def test_answers_on_one_connection(self):
        import http.client
        import urllib.parse
        parts = urllib.parse.urlsplit(self.client.query_url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        try:
            for i in range(20):
                body = json.dumps({"start": 1, "end": far_future_ms()}) if i % 3 else "bad"
                connection.request("POST", self.METHOD, body, self.client.headers(Content_Type="application/json"))
                response = connection.getresponse()
                response.read()
                self.assertEqual(response.status, 200 if i % 3 else 400)
        finally:
            connection.close()
