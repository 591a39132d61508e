// SPDX-License-Identifier: GPL-2.0-only
#include "edge/sysfs/attribute_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "loop/watch.hpp"

namespace vigil {

namespace {

std::string read_from_start(int fd) {
  std::array<char, 4096> text;  // an attribute is a page at most
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  return n > 0 ? std::string(trim_space({text.data(), static_cast<std::size_t>(n)})) : std::string();
}

}  // namespace

struct AttributeWatch::State {
  Callback callback;
  UniqueFd fd;
  loop::Watch watch;  // after the descriptor's owner
};

AttributeWatch::AttributeWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
AttributeWatch::AttributeWatch(AttributeWatch&&) noexcept = default;
AttributeWatch& AttributeWatch::operator=(AttributeWatch&&) noexcept = default;
AttributeWatch::~AttributeWatch() = default;

Result<AttributeWatch> AttributeWatch::create(loop::Loop& loop, const std::string& path, Callback callback) {
  auto state = std::make_unique<State>();
  state->callback = std::move(callback);
  state->fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!state->fd) return fail_system(path);
  // The kernel announces a change only to those who have read the value before.
  (void)read_from_start(state->fd.get());
  auto watch = loop::Watch::create(loop, state->fd.get(), {.prioritized = true}, [raw = state.get()](loop::Ready) {
    const auto value = read_from_start(raw->fd.get());
    raw->callback(value);
  });
  if (!watch) return fail(std::move(watch).error().in(path));
  state->watch = std::move(*watch);
  return AttributeWatch(std::move(state));
}

}  // namespace vigil
