#include "server/http/http_server.h"

#include <atomic>
#include <thread>

#include "tests/server/http/test_client.h"

namespace brazier::http {
namespace {

using std::chrono::milliseconds;

HttpResponse Echo(const HttpRequest& request) {
  HttpResponse response = TextResponse(200, request.method + " " + request.path + "|" + request.body);
  for (const auto& [name, value] : request.query.items()) response.body += "|" + name + "=" + value;
  return response;
}

void AddEcho(Router* router) {
  for (const char* method : {"GET", "POST"}) {
    router->Add(MakeRoute(method, "/echo", [](HttpRequest&& request, const Responder& responder) {
      responder.Send(Echo(request));
    }));
  }
  Route small = MakeRoute("POST", "/small", [](HttpRequest&& request, const Responder& responder) {
    responder.Send(Echo(request));
  });
  small.body_bytes_max = 1000;
  router->Add(std::move(small));
  router->AddPrefix(MakeRoute("GET", "/files/", [](HttpRequest&& request, const Responder& responder) {
    responder.Send(Echo(request));
  }));
}

TEST(HttpServer, AnswersAndDecodes) {
  TestServer server(AddEcho);
  const auto response = server.Call("GET", "/echo?name=a%7Bk%3Dv%7D&x=1+2&x=%zz&empty");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "GET /echo||name=a{k=v}|x=1 2|x=%zz|empty=");
  EXPECT_EQ(response.headers.Get("X-Request-Id").size(), 16u);
  EXPECT_TRUE(response.headers.Has("Date"));
  EXPECT_EQ(server.Call("GET", "/files/a%20b/c").body, "GET /files/a b/c|");
  EXPECT_EQ(server.Call("GET", "http://other:1/echo?q").body, "GET /echo||q=");
}

TEST(HttpServer, KeepsValidRequestIdsAndReplacesOthers) {
  TestServer server(AddEcho);
  EXPECT_EQ(server.Call("GET", "/echo", "X-Request-Id: abc-1.2_Z\r\n").headers.Get("X-Request-Id"),
            "abc-1.2_Z");
  const auto replaced = server.Call("GET", "/echo", "X-Request-Id: a b\r\n");
  EXPECT_NE(replaced.headers.Get("X-Request-Id"), "a b");
  EXPECT_FALSE(replaced.headers.Get("X-Request-Id").empty());
  EXPECT_TRUE(server.Call("GET", "/nowhere").headers.Has("X-Request-Id"));
}

TEST(HttpServer, UnknownPathsAndMethods) {
  TestServer server(AddEcho);
  const auto missing = server.Call("POST", "/nowhere", "", "body");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "404 page not found\n");
  EXPECT_TRUE(missing.headers.Get("Content-Type").starts_with("text/plain"));
  const auto wrong = server.Call("GET", "/small");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.Get("Allow"), "POST");
  EXPECT_EQ(wrong.body, "");
}

TEST(HttpServer, HeadHasNoBody) {
  TestServer server(AddEcho);
  TestClient client(server.port());
  client.Send(FormatRequest("HEAD", "/echo") + FormatRequest("GET", "/echo"));
  const auto head = client.Receive(false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.Get("Content-Length"), "11");
  EXPECT_EQ(client.Receive().body, "GET /echo|");
}

TEST(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server(AddEcho);
  TestClient client(server.port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += FormatRequest("POST", "/echo", "", "body " + std::to_string(i));
  }
  client.Send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.Receive().body, "POST /echo|body " + std::to_string(i));
  }
}

// A route that runs until its client has gone, or for five seconds. Counts what became of its calls.
struct UntilGone {
  std::atomic<int> begun{0}, gone{0}, stayed{0};

  void Add(Router* router, std::chrono::milliseconds patience) {
    Route route = MakeRoute("GET", "/blocking", [this, patience](HttpRequest&& request, const Responder& responder) {
      ++begun;
      const auto give_up = std::chrono::steady_clock::now() + patience;
      while (!request.cancellation->IsCancelled() && std::chrono::steady_clock::now() < give_up) {
        std::this_thread::sleep_for(milliseconds(1));
      }
      ++(request.cancellation->IsCancelled() ? gone : stayed);
      responder.Send(TextResponse(200, "done"));
    });
    route.blocking = true;
    router->Add(std::move(route));
  }
  static bool WaitFor(const std::atomic<int>& counter, int value) {
    for (int i = 0; i < 5000 && counter < value; ++i) std::this_thread::sleep_for(milliseconds(1));
    return counter >= value;
  }
};

TEST(HttpServer, AClientThatGoesAwayCancelsItsRequest) {
  UntilGone route;
  TestServer server([&](Router* router) { route.Add(router, milliseconds(8000)); });
  {
    TestClient client(server.port());
    client.Send(FormatRequest("GET", "/blocking"));
    ASSERT_TRUE(UntilGone::WaitFor(route.begun, 1));
    EXPECT_EQ(route.gone, 0);
  }
  const auto left = std::chrono::steady_clock::now();
  ASSERT_TRUE(UntilGone::WaitFor(route.gone, 1));
  const auto took = std::chrono::steady_clock::now() - left;
  std::printf("noticed after %.1f ms\n", std::chrono::duration<double, std::milli>(took).count());
  EXPECT_LT(took, milliseconds(2000));  // meant to be 1 ms; sanitizers and a busy machine take their time
  EXPECT_EQ(server.metrics().GetCounter("brazier_http_gone_clients_total", "").value(), 1u);
}

TEST(HttpServer, AQueuedRequestOfAClientThatWentAwayIsNotBegun) {
  UntilGone route;
  HttpServerOptions options;
  options.worker_threads = 1;
  TestServer server(
      [&](Router* router) {
        route.Add(router, milliseconds(8000));
        Route last = MakeRoute("GET", "/last", [](HttpRequest&&, const Responder& responder) {
          responder.Send(TextResponse(200, "last"));
        });
        last.blocking = true;
        router->Add(std::move(last));
      },
      options);
  auto first = std::make_unique<TestClient>(server.port());
  first->Send(FormatRequest("GET", "/blocking"));
  ASSERT_TRUE(UntilGone::WaitFor(route.begun, 1));
  Counter& gone = server.metrics().GetCounter("brazier_http_gone_clients_total", "");
  {
    TestClient second(server.port());
    second.Send(FormatRequest("GET", "/blocking"));
    std::this_thread::sleep_for(milliseconds(20));  // so that it is read before it is closed
  }
  for (int i = 0; i < 5000 && gone.value() < 1; ++i) std::this_thread::sleep_for(milliseconds(1));
  ASSERT_EQ(gone.value(), 1u);
  first.reset();
  ASSERT_TRUE(UntilGone::WaitFor(route.gone, 1));
  // One worker: when the third is answered, it has been through with the second.
  EXPECT_EQ(server.Call("GET", "/last").body, "last");
  EXPECT_EQ(route.begun, 1);
}

TEST(HttpServer, AClientThatWaitsIsNotCancelled) {
  UntilGone route;
  TestServer server([&](Router* router) {
    AddEcho(router);
    route.Add(router, milliseconds(50));
  });
  TestClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.Send(FormatRequest("GET", "/blocking"));
    EXPECT_EQ(client.Receive().body, "done");
  }
  // The next requests are here already while the first runs.
  client.Send(FormatRequest("GET", "/blocking") + FormatRequest("GET", "/blocking"));
  std::this_thread::sleep_for(milliseconds(10));
  client.Send(FormatRequest("GET", "/echo"));
  EXPECT_EQ(client.Receive().body, "done");
  EXPECT_EQ(client.Receive().body, "done");
  EXPECT_EQ(client.Receive().body, "GET /echo|");
  EXPECT_EQ(route.stayed, 5);
  EXPECT_EQ(route.gone, 0);
}

TEST(HttpServer, AsynchronousAnswersKeepTheOrderToo) {
  std::vector<std::thread> threads;
  std::atomic<int> count{0};
  TestServer server([&](Router* router) {
    router->Add(MakeRoute("GET", "/later", [&](HttpRequest&& request, const Responder& responder) {
      const int number = count++;
      threads.emplace_back([responder, number] {
        std::this_thread::sleep_for(milliseconds(number == 0 ? 50 : 1));
        responder.Send(TextResponse(200, std::to_string(number)));
        responder.Send(TextResponse(500, "a second answer must not be seen"));
      });
    }));
  });
  TestClient client(server.port());
  client.Send(FormatRequest("GET", "/later") + FormatRequest("GET", "/later") +
              FormatRequest("GET", "/later"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Receive().body, std::to_string(i));
  for (std::thread& thread : threads) thread.join();
}

TEST(HttpServer, ADroppedResponderAnswers500) {
  TestServer server([](Router* router) {
    router->Add(MakeRoute("GET", "/drop", [](HttpRequest&&, const Responder&) {}));
    router->Add(MakeRoute("GET", "/throw", [](HttpRequest&&, const Responder&) {
      throw std::runtime_error("no");
    }));
  });
  EXPECT_EQ(server.Call("GET", "/drop").status, 500);
  EXPECT_EQ(server.Call("GET", "/throw").status, 500);
}

TEST(HttpServer, ChunkedBodies) {
  TestServer server(AddEcho);
  TestClient client(server.port());
  const std::string head = "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  client.Send(head + "5\r\nhello\r\n1;ext=1\r\n!\r\n0\r\n\r\n");
  EXPECT_EQ(client.Receive().body, "POST /echo|hello!");
  // In pieces, larger than one read.
  const std::string large(200'000, 'x');
  client.Send(head + "30d40\r\n");
  for (size_t i = 0; i < large.size(); i += 50'000) client.Send(large.substr(i, 50'000));
  client.Send("\r\n0\r\nTrailer: 1\r\n\r\n" + FormatRequest("GET", "/echo"));
  EXPECT_EQ(client.Receive().body, "POST /echo|" + large);
  EXPECT_EQ(client.Receive().body, "GET /echo|");
  client.Send(head + "zz\r\n");
  EXPECT_EQ(client.Receive().status, 400);
}

TEST(HttpServer, LargeSizedBodies) {
  TestServer server([](Router* router) {
    Route route = MakeRoute("POST", "/size", [](HttpRequest&& request, const Responder& responder) {
      uint64_t sum = 0;
      for (const unsigned char c : request.body) sum = sum * 31 + c;
      responder.Send(TextResponse(200, std::to_string(request.body.size()) + " " + std::to_string(sum)));
    });
    route.body_bytes_max = 64 << 20;
    router->Add(std::move(route));
  });
  std::string body(9'000'001, '\0');
  uint64_t sum = 0;
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 + i / 1000);
  for (const unsigned char c : body) sum = sum * 31 + c;
  EXPECT_EQ(server.Call("POST", "/size", "", body).body,
            std::to_string(body.size()) + " " + std::to_string(sum));
}

TEST(HttpServer, BodiesAboveTheLimitOfTheRouteAreRefused) {
  TestServer server(AddEcho);
  EXPECT_EQ(server.Call("POST", "/small", "", std::string(1000, 'x')).status, 200);
  TestClient client(server.port());
  client.Send(FormatRequest("POST", "/small", "", std::string(1001, 'x')));
  const auto refused = client.Receive();
  EXPECT_EQ(refused.status, 413);
  EXPECT_NE(refused.body.find("1000 bytes"), std::string::npos);
  EXPECT_EQ(refused.headers.Get("Connection"), "close");
  client.CloseWriting();
  EXPECT_TRUE(client.WaitForClose());

  TestClient chunked(server.port());
  chunked.Send("POST /small HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
               std::string(2000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.Receive().status, 413);
  EXPECT_EQ(server.Call("POST", "/echo", "Content-Length: 9000000000\r\nX: ").status, 413);
}

TEST(HttpServer, Expect100Continue) {
  TestServer server(AddEcho);
  TestClient client(server.port());
  client.Send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 100);
  client.Send("abc");
  EXPECT_EQ(client.Receive().body, "POST /echo|abc");
  // A body that will be refused is not asked for.
  client.Send("POST /small HTTP/1.1\r\nHost: t\r\nContent-Length: 3000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 413);
}

TEST(HttpServer, MalformedRequests) {
  TestServer server(AddEcho);
  for (const char* text : {"GET\r\n\r\n", "GET /echo HTTP/9.9\r\n\r\n", "\x01\x02\x03\x04 / HTTP/1.1\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "GET /echo HTTP/1.1\r\nbad header\r\n\r\n"}) {
    TestClient client(server.port());
    client.Send(text);
    EXPECT_EQ(client.Receive().status, 400) << text;
  }
  TestClient other(server.port());
  other.Send("POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
  EXPECT_EQ(other.Receive().status, 501);
  TestClient large(server.port());
  large.Send("GET /echo HTTP/1.1\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(large.Receive().status, 431);
}

TEST(HttpServer, TheHttp2PrefaceIsClosedCleanly) {
  TestServer server(AddEcho);
  TestClient client(server.port());
  client.Send("P");
  client.Send("RI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(client.WaitForClose());
  // A method that only begins alike.
  EXPECT_EQ(server.Call("PROPFIND", "/echo").status, 405);
}

TEST(HttpServer, SlowClientsAreCutOff) {
  HttpServerOptions options;
  options.header_deadline = milliseconds(100);
  options.idle_deadline = milliseconds(150);
  options.body_pause_max = milliseconds(100);
  TestServer server(AddEcho, options);
  TestClient silent(server.port());
  TestClient half_header(server.port());
  half_header.Send("GET /echo HT");
  TestClient half_body(server.port());
  half_body.Send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc");
  TestClient half_chunk(server.port());
  half_chunk.Send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nabc");
  TestClient idle(server.port());
  idle.Send(FormatRequest("GET", "/echo"));
  EXPECT_EQ(idle.Receive().status, 200);
  EXPECT_TRUE(silent.WaitForClose());
  EXPECT_TRUE(half_header.WaitForClose());
  EXPECT_TRUE(half_body.WaitForClose());
  EXPECT_TRUE(half_chunk.WaitForClose());
  EXPECT_TRUE(idle.WaitForClose());
  EXPECT_EQ(server.Call("GET", "/echo").status, 200);
}

TEST(HttpServer, ADrippingBodyIsCutOffByItsRate) {
  HttpServerOptions options;
  options.body_pause_max = milliseconds(1000);
  options.body_grace = milliseconds(200);
  TestServer server(AddEcho, options);
  TestClient client(server.port());
  client.Send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n");
  const auto start = std::chrono::steady_clock::now();
  bool closed = false;
  for (int i = 0; i < 100 && !closed; ++i) {
    client.Send("x");
    closed = client.Readable(milliseconds(20));
  }
  EXPECT_TRUE(closed);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(1500));
}

TEST(HttpServer, ConnectionsAreBounded) {
  HttpServerOptions options;
  options.connections_max = 2;
  TestServer server(AddEcho, options);
  TestClient first(server.port());
  TestClient second(server.port());
  first.Send(FormatRequest("GET", "/echo"));
  second.Send(FormatRequest("GET", "/echo"));
  EXPECT_EQ(first.Receive().status, 200);
  EXPECT_EQ(second.Receive().status, 200);
  TestClient third(server.port());
  EXPECT_EQ(third.Receive().status, 503);
  EXPECT_TRUE(third.WaitForClose());
  EXPECT_EQ(server.metrics().GetCounter("brazier_http_refused_connections_total", "").value(), 1u);
}

TEST(HttpServer, BodiesInFlightAreBounded) {
  std::mutex mu;
  std::vector<Responder> held;
  HttpServerOptions options;
  options.inflight_body_bytes_max = 10'000;
  TestServer server([&](Router* router) {
    router->Add(MakeRoute("POST", "/hold", [&](HttpRequest&&, const Responder& responder) {
      std::lock_guard lock(mu);
      held.push_back(responder);
    }));
    AddEcho(router);
  }, options);
  TestClient holder(server.port());
  holder.Send(FormatRequest("POST", "/hold", "", std::string(8'000, 'x')));
  for (int i = 0; i < 500; ++i) {
    std::lock_guard lock(mu);
    if (!held.empty()) break;
    usleep(2000);
  }
  const auto refused = server.Call("POST", "/echo", "", std::string(5'000, 'x'));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.Get("Retry-After"), "1");
  EXPECT_EQ(server.Call("POST", "/echo", "", std::string(1'000, 'x')).status, 200);
  {
    std::lock_guard lock(mu);
    ASSERT_EQ(held.size(), 1u);
    held[0].Send(TextResponse(200, ""));
    held.clear();
  }
  EXPECT_EQ(holder.Receive().status, 200);
  EXPECT_EQ(server.Call("POST", "/echo", "", std::string(5'000, 'x')).status, 200);
}

TEST(HttpServer, BlockingRoutesHaveABoundedQueue) {
  HttpServerOptions options;
  options.worker_threads = 1;
  options.worker_queue_max = 1;
  std::mutex gate;
  std::atomic<int> running{0};
  std::unique_lock closed(gate);
  TestServer server([&](Router* router) {
    Route route = MakeRoute("GET", "/slow", [&](HttpRequest&&, const Responder& responder) {
      ++running;
      std::lock_guard wait(gate);
      responder.Send(TextResponse(200, "done"));
    });
    route.blocking = true;
    router->Add(std::move(route));
    AddEcho(router);
  }, options);
  TestClient first(server.port());
  first.Send(FormatRequest("GET", "/slow"));
  for (int i = 0; i < 500 && running == 0; ++i) usleep(2000);
  TestClient second(server.port());
  second.Send(FormatRequest("GET", "/slow"));
  // The I/O threads stay free, and the third request finds the queue full.
  EXPECT_EQ(server.Call("GET", "/echo").status, 200);
  for (int i = 0; i < 100; ++i) {
    if (server.Call("GET", "/slow").status == 503) break;
    ASSERT_LT(i, 99);
  }
  closed.unlock();
  EXPECT_EQ(first.Receive().body, "done");
  EXPECT_EQ(second.Receive().body, "done");
}

TEST(HttpServer, BlockingRoutesGetThreadsAsTheyNeedThem) {
  HttpServerOptions options;
  options.worker_threads = 20;
  options.worker_queue_max = 0;
  UntilGone route;
  TestServer server([&](Router* router) { route.Add(router, milliseconds(20'000)); }, options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TestClient>(server.port()));
    clients.back()->Send(FormatRequest("GET", "/blocking"));
  }
  EXPECT_TRUE(UntilGone::WaitFor(route.begun, 20)) << "all at once";
  EXPECT_EQ(server.Call("GET", "/blocking").status, 503) << "there are no more";
  clients.clear();
  EXPECT_TRUE(UntilGone::WaitFor(route.gone, 20));
}

TEST(HttpServer, StopCancelsBlockingRoutesWhenTheDrainIsOver) {
  UntilGone route;
  TestServer server([&](Router* router) { route.Add(router, milliseconds(20'000)); });
  TestClient client(server.port());
  client.Send(FormatRequest("GET", "/blocking"));
  ASSERT_TRUE(UntilGone::WaitFor(route.begun, 1));
  const auto begun = std::chrono::steady_clock::now();
  server.server().Stop(milliseconds(50));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(10'000));
  EXPECT_EQ(route.gone, 1);
  EXPECT_EQ(server.metrics().GetCounter("brazier_http_gone_clients_total", "").value(), 0u) << "it was not the client";
}

TEST(HttpServer, StopFinishesWhatIsInProgress) {
  std::mutex mu;
  std::vector<Responder> held;
  TestServer server([&](Router* router) {
    router->Add(MakeRoute("GET", "/hold", [&](HttpRequest&&, const Responder& responder) {
      std::lock_guard lock(mu);
      held.push_back(responder);
    }));
    AddEcho(router);
  });
  TestClient idle(server.port());
  idle.Send(FormatRequest("GET", "/echo"));
  EXPECT_EQ(idle.Receive().status, 200);
  TestClient busy(server.port());
  busy.Send(FormatRequest("GET", "/hold"));
  for (int i = 0; i < 500; ++i) {
    std::lock_guard lock(mu);
    if (!held.empty()) break;
    usleep(2000);
  }
  std::thread stopper([&] { server.server().Stop(milliseconds(5000)); });
  EXPECT_TRUE(idle.WaitForClose());
  {
    std::lock_guard lock(mu);
    ASSERT_EQ(held.size(), 1u);
    held[0].Send(TextResponse(200, "finished"));
  }
  const auto response = busy.Receive();
  EXPECT_EQ(response.body, "finished");
  EXPECT_EQ(response.headers.Get("Connection"), "close");
  stopper.join();
  // A Responder that outlives the server does no harm.
  held[0].Send(TextResponse(200, "again"));
}

TEST(HttpServer, StopDoesNotWaitForeverForAHandler) {
  std::mutex mu;
  std::vector<Responder> held;
  TestServer server([&](Router* router) {
    router->Add(MakeRoute("POST", "/hold", [&](HttpRequest&&, const Responder& responder) {
      std::lock_guard lock(mu);
      held.push_back(responder);
    }));
  });
  TestClient busy(server.port());
  busy.Send(FormatRequest("POST", "/hold", "", "abc"));
  for (int i = 0; i < 500; ++i) {
    std::lock_guard lock(mu);
    if (!held.empty()) break;
    usleep(2000);
  }
  const auto start = std::chrono::steady_clock::now();
  server.server().Stop(milliseconds(50));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(2000));
  EXPECT_TRUE(busy.WaitForClose());
  held.clear();
}

TEST(HttpServer, CountsRequestsByRouteAndStatus) {
  TestServer server(AddEcho);
  server.Call("GET", "/echo");
  server.Call("GET", "/nowhere");
  // Observed after the answer is written: the client may be quicker.
  std::string page;
  for (int i = 0; i < 200; ++i) {
    page = server.metrics().Render();
    if (page.find("route=\"unknown\",status_code=\"404\"") != std::string::npos) break;
    usleep(2000);
  }
  EXPECT_NE(page.find("brazier_http_request_duration_seconds_count{route=\"/echo\",status_code=\"200\"} 1"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("brazier_http_request_duration_seconds_count{route=\"unknown\",status_code=\"404\"} 1"),
            std::string::npos);
}

}  // namespace
}  // namespace brazier::http
