#include "discovery/dns_channel.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <array>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>
#include <sys/time.h>

namespace evenkeel::discovery {
namespace {

constexpr int tries = 2;

// c-ares keeps what is global in a program, and counts who uses it.
bool is_library_ready() {
  static const bool ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return ready;
}

DnsFailure failure_of(int status) {
  const bool no_server = status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED || status == ARES_ESERVFAIL;
  return {ares_strerror(status), no_server};
}

// What c-ares holds until it calls back, which it does once for each time that it is asked. Whoever asked
// may be gone then.
template <class T>
struct Asked : DnsCall::Question {
  Asked(DnsDone<T> told, std::size_t& of_channel) : done(std::move(told)), under_way(of_channel) {}
  DnsDone<T> done;
  std::size_t& under_way;  // of the channel, which is there until all are answered

  static void* give(std::shared_ptr<Asked> asked) {
    ++asked->under_way;
    return new std::shared_ptr(std::move(asked));
  }
  static std::shared_ptr<Asked> take(void* argument) {
    const std::unique_ptr<std::shared_ptr<Asked>> holder(static_cast<std::shared_ptr<Asked>*>(argument));
    --(*holder)->under_way;
    return std::move(*holder);
  }
  void answer(std::expected<DnsAnswer<T>, DnsFailure> what) {
    if (is_wanted) std::exchange(done, nullptr)(std::move(what));
  }
};

// One family at a time: an answer for both would not tell whether the other one is not there, or was not
// heard.
struct AskedAddresses : Asked<std::string> {
  using Asked::Asked;
  ares_channel channel = nullptr;
  std::string name = {};
  int family = AF_INET;
  bool is_second = false;
};

std::string text_of(const ares_addrinfo_node& node) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* const bytes =
      node.ai_family == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(node.ai_addr)->sin_addr)
          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(node.ai_addr)->sin6_addr);
  return inet_ntop(node.ai_family, bytes, text.data(), text.size()) == nullptr ? "" : text.data();
}

DnsAnswer<std::string> addresses_of(const ares_addrinfo& found) {
  DnsAnswer<std::string> answer{{}, std::chrono::seconds::max()};
  for (const ares_addrinfo_node* node = found.nodes; node != nullptr; node = node->ai_next) {
    answer.records.push_back(text_of(*node));
    answer.ttl = std::min(answer.ttl, std::chrono::seconds(std::max(node->ai_ttl, 0)));
  }
  return answer;
}

void ask(std::shared_ptr<AskedAddresses> asked);

void on_addresses(void* argument, int status, int, ares_addrinfo* list) {
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(list, ares_freeaddrinfo);
  const auto asked = std::static_pointer_cast<AskedAddresses>(Asked<std::string>::take(argument));
  const bool is_none = status == ARES_ENODATA || status == ARES_ENOTFOUND ||
                       (status == ARES_SUCCESS && list->nodes == nullptr);
  if (is_none && asked->is_wanted && !std::exchange(asked->is_second, true)) {
    asked->family = asked->family == AF_INET ? AF_INET6 : AF_INET;
    return ask(asked);
  }
  if (is_none || status != ARES_SUCCESS)
    return asked->answer(
        std::unexpected(failure_of(is_none && status == ARES_SUCCESS ? ARES_ENODATA : status)));
  asked->answer(addresses_of(*list));
}

void ask(std::shared_ptr<AskedAddresses> asked) {
  ares_addrinfo_hints hints{};
  hints.ai_family = asked->family;
  hints.ai_socktype = SOCK_STREAM;  // each address once
  hints.ai_flags = ARES_AI_NOSORT;
  AskedAddresses& its = *asked;
  ares_getaddrinfo(its.channel, its.name.c_str(), nullptr, &hints, on_addresses,
                   Asked<std::string>::give(std::move(asked)));
}

// c-ares reads the records, but tells nothing of how long they are good for.
std::chrono::seconds least_ttl(std::span<const unsigned char> message) {
  ns_msg handle{};
  if (ns_initparse(message.data(), static_cast<int>(message.size()), &handle) != 0) return {};
  std::uint32_t least = UINT32_MAX;
  for (int i = 0; i < ns_msg_count(handle, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&handle, ns_s_an, i, &record) != 0) return {};
    least = std::min<std::uint32_t>(least, ns_rr_ttl(record));
  }
  return std::chrono::seconds(least);
}

void on_services(void* argument, int status, int, unsigned char* bytes, int length) {
  const auto asked = Asked<ServiceRecord>::take(argument);
  ares_srv_reply* list = nullptr;
  if (status == ARES_SUCCESS) status = ares_parse_srv_reply(bytes, length, &list);
  if (status != ARES_SUCCESS) return asked->answer(std::unexpected(failure_of(status)));
  const std::unique_ptr<ares_srv_reply, decltype(&ares_free_data)> owned(list, ares_free_data);
  DnsAnswer<ServiceRecord> answer{{}, least_ttl({bytes, static_cast<std::size_t>(length)})};
  for (const ares_srv_reply* each = list; each != nullptr; each = each->next) {
    // "." says that the service is decidedly not there (RFC 2782); port 0 is none.
    if (*each->host == '\0' || std::string_view(each->host) == "." || each->port == 0) continue;
    answer.records.push_back({each->host, each->port, each->priority, each->weight});
  }
  if (answer.records.empty()) return asked->answer(std::unexpected(failure_of(ARES_ENODATA)));
  asked->answer(std::move(answer));
}

}  // namespace

Result<std::unique_ptr<DnsChannel>> DnsChannel::open(uv_loop_t* loop, const DnsOptions& options) {
  std::unique_ptr<DnsChannel> channel(new DnsChannel(loop, options));
  if (const auto started = channel->start(options); !started) return std::unexpected(started.error());
  return channel;
}

Result<void> DnsChannel::start(const DnsOptions& options) {
  constexpr Error no_memory{ErrorCode::system, Fault::us, false, 0};
  timer_ = net::make_handle<uv_timer_t>(uv_timer_init, loop_);
  if (!timer_ || !is_library_ready()) return std::unexpected(no_memory);
  timer_->data = this;
  ares_options settings{};
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  settings.timeout = static_cast<int>(options.timeout.count());
  settings.tries = tries;
  settings.sock_state_cb_data = this;
  settings.sock_state_cb = [](void* channel, ares_socket_t socket, int reads, int writes) {
    static_cast<DnsChannel*>(channel)->on_socket(socket, reads != 0, writes != 0);
  };
#ifdef ARES_OPT_QUERY_CACHE
  // Who asks has a cache: its own, whose limits the user has set.
  settings.qcache_max_ttl = 0;
  mask |= ARES_OPT_QUERY_CACHE;
#endif
  if (ares_init_options(&channel_, &settings, mask) != ARES_SUCCESS) return std::unexpected(no_memory);
  if (options.servers.empty()) return {};
  std::string list;
  for (const std::string& server : options.servers) (list += list.empty() ? "" : ",") += server;
  if (ares_set_servers_ports_csv(channel_, list.c_str()) == ARES_SUCCESS) return {};
  return std::unexpected(Error{ErrorCode::invalid_argument, Fault::us, false, 0});
}

DnsChannel::~DnsChannel() {
  // Closes its sockets, which it tells of.
  if (channel_ != nullptr) ares_destroy(channel_);
}

DnsCall DnsChannel::addresses(const std::string& name, DnsDone<std::string> done) {
  auto asked = std::make_shared<AskedAddresses>(std::move(done), under_way_);
  asked->channel = channel_;
  asked->name = name;
  asked->family = prefer_ == AddressFamily::ipv4 ? AF_INET : AF_INET6;
  ask(asked);
  arm();
  return DnsCall(std::move(asked));
}

DnsCall DnsChannel::services(const std::string& name, DnsDone<ServiceRecord> done) {
  auto asked = std::make_shared<Asked<ServiceRecord>>(std::move(done), under_way_);
  ares_search(channel_, name.c_str(), ns_c_in, ns_t_srv, on_services, Asked<ServiceRecord>::give(asked));
  arm();
  return DnsCall(std::move(asked));
}

// c-ares closes a socket as soon as it has told that it wants nothing of it any more.
void DnsChannel::on_socket(ares_socket_t socket, bool reads, bool writes) {
  if (!reads && !writes) {
    watches_.erase(socket);
    return;
  }
  net::UvHandle<uv_poll_t>& watch = watches_[socket];
  if (!watch) {
    watch = net::make_handle<uv_poll_t>(uv_poll_init, loop_, static_cast<int>(socket));
    // The time-out ends the question.
    if (!watch) return;
    watch->data = this;
  }
  uv_poll_start(watch.get(), (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0),
                [](uv_poll_t* poll, int status, int events) {
                  uv_os_fd_t fd = -1;
                  if (poll->data == nullptr || uv_fileno(reinterpret_cast<uv_handle_t*>(poll), &fd) != 0)
                    return;
                  static_cast<DnsChannel*>(poll->data)->on_ready(fd, status, events);
                });
}

void DnsChannel::on_ready(ares_socket_t socket, int status, int events) {
  const bool failed = status != 0;
  ares_process_fd(channel_, failed || (events & UV_READABLE) != 0 ? socket : ARES_SOCKET_BAD,
                  failed || (events & UV_WRITABLE) != 0 ? socket : ARES_SOCKET_BAD);
  arm();
}

void DnsChannel::arm() {
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) {
    uv_timer_stop(timer_.get());
    return;
  }
  const auto ms =
      static_cast<std::uint64_t>(wait.tv_sec) * 1'000 + static_cast<std::uint64_t>(wait.tv_usec) / 1'000;
  uv_update_time(loop_);
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<DnsChannel*>(timer->data)->on_ready(ARES_SOCKET_BAD, 0, 0);
      },
      ms + 1, 0);
}

}  // namespace evenkeel::discovery
