#include "server/http/http_message.h"

#include <algorithm>
#include <atomic>

namespace brazier::http {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = Lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Parameters of one element: is there a q of zero?
bool IsRefused(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t end = parameters.find(';');
    std::string_view one = Trim(parameters.substr(0, end));
    parameters = end == std::string_view::npos ? "" : parameters.substr(end + 1);
    if (one.size() < 3 || Lower(one[0]) != 'q' || one[1] != '=') continue;
    one.remove_prefix(2);
    return one.find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

const std::string* Headers::Find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (EqualsIgnoreCase(key, name)) return &value;
  }
  return nullptr;
}

void Headers::Set(std::string_view name, std::string_view value) {
  std::erase_if(items_, [&](const auto& item) { return EqualsIgnoreCase(item.first, name); });
  Add(name, value);
}

std::string PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
               HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

QueryParams QueryParams::Parse(std::string_view query) {
  QueryParams params;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? "" : query.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    params.items_.emplace_back(PercentDecode(pair.substr(0, equals), true), PercentDecode(value, true));
  }
  return params;
}

bool QueryParams::Has(std::string_view name) const {
  return std::any_of(items_.begin(), items_.end(), [&](const auto& p) { return p.first == name; });
}

std::string_view QueryParams::Get(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return value;
  }
  return {};
}

HttpResponse TextResponse(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; charset=utf-8");
  response.body = text;
  return response;
}

HttpResponse EmptyResponse(int status) {
  HttpResponse response;
  response.status = status;
  return response;
}

struct Responder::State {
  explicit State(Sink s) : sink(std::move(s)) {}
  ~State() {
    if (!sent.exchange(true)) sink(TextResponse(500, "the request was dropped without an answer\n"));
  }
  std::atomic<bool> sent{false};
  Sink sink;
};

Responder::Responder(Sink sink) : state_(std::make_shared<State>(std::move(sink))) {}

void Responder::Send(HttpResponse response) const {
  if (!state_->sent.exchange(true)) state_->sink(std::move(response));
}

bool HeaderListHas(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t end = list.find(',');
    const std::string_view element = list.substr(0, end);
    list = end == std::string_view::npos ? "" : list.substr(end + 1);
    const size_t semicolon = element.find(';');
    if (!EqualsIgnoreCase(Trim(element.substr(0, semicolon)), token)) continue;
    return semicolon == std::string_view::npos || !IsRefused(element.substr(semicolon + 1));
  }
  return false;
}

std::string MediaType(std::string_view content_type) {
  std::string type(Trim(content_type.substr(0, content_type.find(';'))));
  std::transform(type.begin(), type.end(), type.begin(), Lower);
  return type;
}

}  // namespace brazier::http
