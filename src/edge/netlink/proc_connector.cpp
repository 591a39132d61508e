// SPDX-License-Identifier: GPL-2.0-only
#include "edge/netlink/proc_connector.hpp"

#include <linux/connector.h>
#include <linux/netlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/handle.hpp"
#include "loop/watch.hpp"

namespace vigil::edge {

namespace {

// linux/cn_proc.h, whose C++ names differ between the kernels' headers.
constexpr std::uint32_t kNone = 0, kFork = 1, kExec = 2, kComm = 0x200, kExit = 0x80000000;
constexpr std::uint32_t kListen = 1, kIgnore = 2;
struct Head {
  std::uint32_t what, cpu;
  std::uint64_t at_ns;
};
static_assert(sizeof(Head) == 16);

// Room for half a minute of a busy machine, or half a second of a fork storm.
constexpr int kReceiveBuffer = 8 << 20;

struct Body {
  Head head{};
  std::array<std::uint32_t, 6> words{};  // the largest of the union
};

std::optional<Body> body_of(std::span<const std::byte> message, cn_msg* connector = nullptr) {
  nlmsghdr header{};
  cn_msg cn{};
  if (message.size() < sizeof header + sizeof cn + sizeof(Head)) return std::nullopt;
  std::memcpy(&header, message.data(), sizeof header);
  if (header.nlmsg_len > message.size() || header.nlmsg_len < sizeof header + sizeof cn + sizeof(Head)) return std::nullopt;
  std::memcpy(&cn, message.data() + sizeof header, sizeof cn);
  if (cn.id.idx != CN_IDX_PROC || cn.id.val != CN_VAL_PROC) return std::nullopt;
  const auto data = message.subspan(sizeof header + sizeof cn, header.nlmsg_len - sizeof header - sizeof cn);
  if (cn.len < sizeof(Head) || cn.len > data.size()) return std::nullopt;
  Body body;
  std::memcpy(&body.head, data.data(), sizeof body.head);
  const auto rest = data.subspan(sizeof(Head), cn.len - sizeof(Head));
  std::memcpy(body.words.data(), rest.data(), std::min(rest.size(), sizeof body.words));
  if (connector) *connector = cn;
  return body;
}

}  // namespace

std::optional<ProcEvent> parse_proc_message(std::span<const std::byte> message) {
  const auto body = body_of(message);
  if (!body) return std::nullopt;
  const auto& words = body->words;
  ProcEvent event;
  event.at_ns = body->head.at_ns;
  switch (body->head.what) {
    case kFork:
      event.kind = ProcEvent::Kind::fork;
      event.parent = words[1];
      event.pid = words[2];
      event.tgid = words[3];
      break;
    case kExec:
      event.kind = ProcEvent::Kind::exec;
      event.pid = words[0];
      event.tgid = words[1];
      break;
    case kComm: {
      event.kind = ProcEvent::Kind::rename;
      event.pid = words[0];
      event.tgid = words[1];
      std::array<char, 16> comm{};
      std::memcpy(comm.data(), &words[2], comm.size());
      event.comm.assign(comm.data(), ::strnlen(comm.data(), comm.size()));
      break;
    }
    case kExit:
      event.kind = ProcEvent::Kind::exit;
      event.pid = words[0];
      event.tgid = words[1];
      event.parent = words[5];
      break;
    default: return std::nullopt;
  }
  if (event.pid == 0 || event.tgid == 0) return std::nullopt;
  return event;
}

struct ProcConnector::State {
  Callbacks callbacks;
  Handle<nl_sock, nl_socket_free> socket;
  std::uint32_t number = 0;                // of the request that an answer names
  std::optional<std::uint32_t> answer;     // errno value
  loop::Watch watch;                       // after the descriptor's owner

  // An operation, and with `mask` which events are wanted (Linux 6.6 and later; before, a longer message is ignored).
  bool ask(std::uint32_t operation, std::optional<std::uint32_t> mask) {
    Handle<nl_msg, nlmsg_free> message(nlmsg_alloc_simple(NLMSG_DONE, 0));
    if (!message) return false;
    cn_msg head{};
    head.id = {CN_IDX_PROC, CN_VAL_PROC};
    head.ack = ++number;  // what the answer repeats, one larger; the kernel numbers `seq` itself
    head.len = static_cast<std::uint16_t>(mask ? 8 : 4);
    std::array<std::uint32_t, 2> words{operation, mask.value_or(0)};
    if (nlmsg_append(message.get(), &head, sizeof head, 0) < 0 || nlmsg_append(message.get(), words.data(), head.len, NLMSG_ALIGNTO) < 0)
      return false;
    return nl_send_auto(socket.get(), message.get()) >= 0;
  }

  // The kernel answers within the call that asks, so the answer waits already or does not come.
  bool listen() {
    answer.reset();
    if (!ask(kListen, std::nullopt)) return false;
    while (!answer && nl_recvmsgs_default(socket.get()) >= 0) {
    }
    return answer == 0U;
  }

  void on_message(nl_msg* message) {
    const auto* header = nlmsg_hdr(message);
    const std::span bytes(reinterpret_cast<const std::byte*>(header), header->nlmsg_len);
    cn_msg connector{};
    if (const auto body = body_of(bytes, &connector); body && body->head.what == kNone) {
      if (connector.ack == number + 1) answer = body->words[0];
      return;
    }
    // Before the watch there is only the request's answer to wait for; whoever listens looks at everything after that.
    if (!watch.active()) return;
    if (const auto event = parse_proc_message(bytes); event && callbacks.event) callbacks.event(*event);
  }

  void on_ready(loop::Ready ready) {
    // A bounded batch; the loop comes back at once when there is more.
    for (int i = 0; i < 64; ++i) {
      errno = 0;
      const int error = nl_recvmsgs_default(socket.get());
      if (error == -NLE_NOMEM && errno == ENOBUFS) {
        if (callbacks.overrun) callbacks.overrun();
        continue;
      }
      if (error < 0) break;
    }
    // The loop stops watching a socket that reports an error, and an overrun is one.
    if (ready.error) (void)watch.set({.readable = true});
  }

  ~State() {
    // Kernels before 6.6 go on composing messages until told otherwise.
    if (socket && answer == 0U) (void)ask(kIgnore, std::nullopt);
  }
};

ProcConnector::ProcConnector(std::unique_ptr<State> state) : state_(std::move(state)) {}
ProcConnector::ProcConnector(ProcConnector&&) noexcept = default;
ProcConnector& ProcConnector::operator=(ProcConnector&&) noexcept = default;
ProcConnector::~ProcConnector() = default;

Result<ProcConnector> ProcConnector::create(loop::Loop& loop, Callbacks callbacks) {
  auto state = std::make_unique<State>();
  state->callbacks = std::move(callbacks);
  state->socket.reset(nl_socket_alloc());
  if (!state->socket) return fail("proc connector: out of memory");
  auto* socket = state->socket.get();
  nl_socket_disable_seq_check(socket);
  nl_socket_disable_auto_ack(socket);
  nl_socket_disable_msg_peek(socket);  // messages are small: one call each, not two
  if (const int error = nl_connect(socket, NETLINK_CONNECTOR); error < 0)
    return fail(std::string("proc connector: ") + nl_geterror(error));
  if (const int error = nl_socket_add_membership(socket, CN_IDX_PROC); error < 0)
    return fail(std::string("proc connector: its group cannot be joined: ") + nl_geterror(error));
  // Beyond the machine's usual limit where we may.
  const int fd = nl_socket_get_fd(socket);
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0)
    (void)nl_socket_set_buffer_size(socket, kReceiveBuffer, 0);
  if (nl_socket_set_nonblocking(socket) < 0) return fail("proc connector: cannot be made non-blocking");

  const auto on_message = [](nl_msg* message, void* raw) -> int {
    static_cast<State*>(raw)->on_message(message);
    return NL_OK;
  };
  // Connector messages are of type NLMSG_DONE, which libnl takes for the end of a dump: they come to FINISH, not to VALID.
  nl_socket_modify_cb(socket, NL_CB_FINISH, NL_CB_CUSTOM, on_message, state.get());
  state->number = static_cast<std::uint32_t>(::getpid()) << 8;
  if (!state->listen()) {
    const auto code = static_cast<int>(state->answer.value_or(0));
    return fail(code ? Error::system("proc connector", code).message()
                     : "proc connector: the kernel does not answer (no CONFIG_PROC_EVENTS, or not the first pid namespace)",
                code);
  }
  // Only what is used; to this there is no answer, for the filter holds it back. Older kernels do not know it, and send all.
  (void)state->ask(kListen, kFork | kExec | kComm | kExit);
  auto watch = loop::Watch::create(loop, fd, {.readable = true}, [raw = state.get()](loop::Ready ready) { raw->on_ready(ready); });
  if (!watch) return fail(std::move(watch).error());
  state->watch = std::move(*watch);
  return ProcConnector(std::move(state));
}

}  // namespace vigil::edge
