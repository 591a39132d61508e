// SPDX-License-Identifier: GPL-2.0-only
#include "edge/dbus/power_profiles.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/clock.hpp"
#include "base/handle.hpp"
#include "base/text.hpp"
#include "edge/dbus/sd_bus.hpp"
#include "log/log.hpp"
#include "loop/timer.hpp"
#include "loop/watch.hpp"

namespace vigil::edge {

namespace {

constexpr log::Logger kLog{"dbus"};

// The same service under its name since 2023 and before; some offer both.
struct Service {
  const char* name;  // of the interface, too
  const char* path;
};
constexpr std::array kServices = {Service{"org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"},
                                  Service{"net.hadess.PowerProfiles", "/net/hadess/PowerProfiles"}};
constexpr const char* kProperty = "ActiveProfile";
constexpr std::uint64_t kPatienceUs = 5'000'000;  // for an answer
constexpr const char* kSystemBus = "/run/dbus/system_bus_socket";

void close_bus(sd_bus* bus) { sd().close_unref_(bus); }
void drop_message(sd_bus_message* message) { sd().message_unref_(message); }

}  // namespace

struct PowerProfiles::State {
  loop::Loop& loop;
  Callback callback;
  Handle<sd_bus, close_bus> bus;
  struct Source {
    State* state = nullptr;
    const Service* service = nullptr;
    std::optional<std::string> profile;
  };
  std::array<Source, kServices.size()> sources;
  std::optional<std::string> told;
  bool telling = false;
  loop::Watch watch;   // after the descriptor's owner
  loop::Timer patience;  // only while an answer is waited for

  explicit State(loop::Loop& on, Callback to) : loop(on), callback(std::move(to)) {
    for (std::size_t i = 0; i < sources.size(); ++i) sources[i] = {this, &kServices[i], {}};
  }

  void tell() {
    std::optional<std::string> now;
    for (const auto& source : sources)
      if (!now) now = source.profile;
    if (now == told) return;
    told = now;
    callback(told);
  }

  void learnt(Source& source, const char* profile) {
    source.profile = profile && *profile ? std::optional(printable(std::string_view(profile).substr(0, 64))) : std::nullopt;
    tell();
  }

  // Asks once; a service that is not running is not started by it.
  void ask(Source& source) {
    sd_bus_message* raw = nullptr;
    if (sd().message_new_method_call_(bus.get(), &raw, source.service->name, source.service->path, "org.freedesktop.DBus.Properties", "Get") < 0)
      return;
    const Handle<sd_bus_message, drop_message> message(raw);
    (void)sd().message_set_auto_start_(message.get(), 0);
    if (sd().message_append_(message.get(), "ss", source.service->name, kProperty) < 0) return;
    (void)sd().call_async_(bus.get(), nullptr, message.get(), on_answer, &source, kPatienceUs);
  }

  static int on_answer(sd_bus_message* message, void* raw, sd_bus_error*) {
    auto& source = *static_cast<Source*>(raw);
    if (sd().message_is_method_error_(message, nullptr)) {
      source.state->learnt(source, nullptr);
      return 0;
    }
    const char* profile = nullptr;
    if (sd().message_read_(message, "v", "s", &profile) >= 0) source.state->learnt(source, profile);
    return 0;
  }

  // a{sv} of what changed, as of what was invalidated.
  static int on_changed(sd_bus_message* message, void* raw, sd_bus_error*) {
    auto& source = *static_cast<Source*>(raw);
    const char* interface = nullptr;
    if (sd().message_read_(message, "s", &interface) < 0 || std::strcmp(interface, source.service->name) != 0) return 0;
    if (sd().message_enter_container_(message, 'a', "{sv}") < 0) return 0;
    while (sd().message_enter_container_(message, 'e', "sv") > 0) {
      const char* name = nullptr;
      if (sd().message_read_(message, "s", &name) < 0) return 0;
      const char* profile = nullptr;
      if (std::strcmp(name, kProperty) == 0 && sd().message_read_(message, "v", "s", &profile) >= 0)
        source.state->learnt(source, profile);
      else if (std::strcmp(name, kProperty) != 0 && sd().message_skip_(message, "v") < 0)
        return 0;
      if (sd().message_exit_container_(message) < 0) return 0;
    }
    return 0;
  }

  static int on_owner(sd_bus_message* message, void* raw, sd_bus_error*) {
    auto& source = *static_cast<Source*>(raw);
    const char *name = nullptr, *before = nullptr, *after = nullptr;
    if (sd().message_read_(message, "sss", &name, &before, &after) < 0) return 0;
    if (*after)
      source.state->ask(source);
    else
      source.state->learnt(source, nullptr);
    return 0;
  }

  Result<void> follow(Source& source) {
    const std::string name = source.service->name;
    const std::string changed = "type='signal',sender='" + name + "',path='" + source.service->path +
                                "',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',arg0='" + name + "'";
    const std::string owner = "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" + name + "'";
    for (const auto& [match, handler] : {std::pair{&changed, &on_changed}, std::pair{&owner, &on_owner}})
      if (const int error = sd().add_match_async_(bus.get(), nullptr, match->c_str(), *handler, nullptr, &source); error < 0)
        return fail_system("listen to power profiles", -error);
    ask(source);
    return {};
  }

  void process() {
    patience.disarm();
    for (int i = 0; i < 64; ++i) {
      const int done = sd().process_(bus.get(), nullptr);
      if (done < 0) {
        kLog.warn("the system bus has gone ({}): power profiles are not followed until a restart", std::strerror(-done));
        watch.reset();
        for (auto& source : sources) source.profile.reset();
        tell();
        return;
      }
      if (done == 0) break;
    }
    wait();
  }

  // What sd-bus waits for: the socket, and while an answer is due, a time.
  void wait() {
    const int events = sd().get_events_(bus.get());
    if (events < 0 || !watch.active()) return;
    (void)watch.set({.readable = (events & POLLIN) != 0, .writable = (events & POLLOUT) != 0});
    std::uint64_t due_us = 0;
    if (sd().get_timeout_(bus.get(), &due_us) <= 0 || due_us == UINT64_MAX) return;
    const auto now_us = monotonic_now() / 1000;
    patience.arm(std::chrono::microseconds(due_us > now_us ? due_us - now_us : 0));
  }
};

PowerProfiles::PowerProfiles(std::unique_ptr<State> state) : state_(std::move(state)) {}
PowerProfiles::PowerProfiles(PowerProfiles&&) noexcept = default;
PowerProfiles& PowerProfiles::operator=(PowerProfiles&&) noexcept = default;
PowerProfiles::~PowerProfiles() = default;

Result<PowerProfiles> PowerProfiles::create(loop::Loop& loop, Callback callback, const std::string& address) {
  if (address.empty() && !::getenv("DBUS_SYSTEM_BUS_ADDRESS") && ::access(kSystemBus, F_OK) != 0) return fail_system("the system bus");
  if (auto done = load_sd_bus(); !done) return fail(std::move(done).error());
  auto state = std::make_unique<State>(loop, std::move(callback));
  sd_bus* raw = nullptr;
  int error = address.empty() ? sd().open_system_with_description_(&raw, "vigil") : sd().new_(&raw);
  state->bus.reset(raw);
  if (error >= 0 && !address.empty()) {
    error = sd().set_address_(raw, address.c_str());
    if (error >= 0) error = sd().set_bus_client_(raw, 1);
    if (error >= 0) error = sd().start_(raw);
  }
  if (error < 0) return fail_system("the system bus", -error);
  for (auto& source : state->sources)
    if (auto done = state->follow(source); !done) return fail(std::move(done).error());

  auto timer = loop::Timer::create(loop, [raw_state = state.get()] { raw_state->process(); });
  if (!timer) return fail(std::move(timer).error());
  state->patience = std::move(*timer);
  auto watch = loop::Watch::create(loop, sd().get_fd_(state->bus.get()), {.readable = true, .writable = true},
                                   [raw_state = state.get()](loop::Ready) { raw_state->process(); });
  if (!watch) return fail(std::move(watch).error());
  state->watch = std::move(*watch);
  return PowerProfiles(std::move(state));
}

}  // namespace vigil::edge
