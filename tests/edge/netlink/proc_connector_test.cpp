// SPDX-License-Identifier: GPL-2.0-only
#include "edge/netlink/proc_connector.hpp"

#include <doctest/doctest.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <array>
#include <cstring>
#include <random>
#include <vector>

using vigil::edge::parse_proc_message;
using vigil::edge::ProcEvent;

namespace {

// As drivers/connector/cn_proc.c composes it.
std::vector<std::byte> message(std::uint32_t what, std::array<std::uint32_t, 6> words, std::size_t body = 16 + 24) {
  std::vector<std::byte> out(sizeof(nlmsghdr) + sizeof(cn_msg) + body);
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(out.size());
  header.nlmsg_type = NLMSG_DONE;
  cn_msg connector{};
  connector.id = {CN_IDX_PROC, CN_VAL_PROC};
  connector.len = static_cast<std::uint16_t>(body);
  std::byte* at = out.data();
  std::memcpy(at, &header, sizeof header);
  std::memcpy(at + sizeof header, &connector, sizeof connector);
  at += sizeof header + sizeof connector;
  const std::uint32_t cpu = 1;
  const std::uint64_t time = 12345;
  std::memcpy(at, &what, 4);
  std::memcpy(at + 4, &cpu, 4);
  std::memcpy(at + 8, &time, 8);
  std::memcpy(at + 16, words.data(), body - 16);
  return out;
}

std::array<std::uint32_t, 6> renamed(const char (&name)[17]) {
  std::array<std::uint32_t, 6> words{8, 7};
  std::memcpy(&words[2], name, 16);
  return words;
}

}  // namespace

TEST_CASE("proc connector: each kind of message") {
  CHECK(parse_proc_message(message(1, {1, 1, 43, 43})) == ProcEvent{ProcEvent::Kind::fork, 12345, 43, 43, 1, ""});
  CHECK(parse_proc_message(message(2, {43, 43})) == ProcEvent{ProcEvent::Kind::exec, 12345, 43, 43, 0, ""});
  CHECK(parse_proc_message(message(0x200, renamed("RenderThread\0\0\0\0"))) ==
        ProcEvent{ProcEvent::Kind::rename, 12345, 8, 7, 0, "RenderThread"});
  CHECK(parse_proc_message(message(0x80000000, {43, 43, 0, 17, 1, 1})) == ProcEvent{ProcEvent::Kind::exit, 12345, 43, 43, 1, ""});
}

TEST_CASE("proc connector: a name that fills its field has no end mark, and is not read beyond") {
  CHECK(parse_proc_message(message(0x200, renamed("0123456789abcdef")))->comm == "0123456789abcdef");
}

TEST_CASE("proc connector: messages of no interest, answers and other connectors' are nothing") {
  CHECK_FALSE(parse_proc_message(message(0, {})));
  CHECK_FALSE(parse_proc_message(message(4, {43, 43, 0, 0})));
  auto other = message(2, {43, 43});
  other[sizeof(nlmsghdr)] = std::byte{9};
  CHECK_FALSE(parse_proc_message(other));
}

TEST_CASE("proc connector: messages that are cut or changed are refused or read within their bounds") {
  const auto whole = message(0x200, renamed("RenderThread\0\0\0\0"));
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(parse_proc_message(std::vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  std::mt19937 random(20261125);
  for (int i = 0; i < 20000; ++i) {
    auto changed = whole;
    for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = static_cast<std::byte>(random());
    if (const auto event = parse_proc_message(changed)) CHECK(event->comm.size() <= 16);
  }
}
