#include "app/greeting.h"

#include "common/config/address.h"

namespace brazier::app {
namespace {

// An address that a browser on this machine can open.
std::string ReachableAddress(const std::string& listen, uint16_t port) {
  const auto address = config::ParseHostPort(listen);
  std::string host = address ? address->host : "";
  if (host.empty() || host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace

std::string GreetingText(const config::Config& config, const Roles& roles, std::string_view version,
                         uint16_t http_port, uint16_t thrift_port) {
  std::string out = "Brazier " + std::string(version);
  if (!roles.IsAll()) {
    out += ", roles:";
    for (const std::string& name : roles.Names()) out += " " + name;
  }
  out += "\n";
  const std::string url =
      "http://" + ReachableAddress(config.http.listen, http_port);
  if (http_port != 0) {
    out += roles.query_frontend ? "  web UI      " + url + "/\n" : "  HTTP        " + url + "\n";
  }
  if (thrift_port != 0) {
    out += "  Thrift      " + ReachableAddress(config.thrift.listen, thrift_port) + "\n";
  }
  if (roles.IsAll()) out += "  data        " + config.data_dir + "\n";
  if (roles.distributor && http_port != 0) {
    out += "\nSend a first profile:\n\n  curl ";
    if (config.multitenancy) out += "-H 'X-Scope-OrgID: my-tenant' ";
    out += "'" + url + "/ingest?name=hello.cpu&format=folded' --data-binary 'main;work;loop 42'\n\n";
  }
  return out;
}

}  // namespace brazier::app
