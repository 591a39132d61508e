// SPDX-License-Identifier: GPL-2.0-only
//
// What a service tells systemd (the protocol of sd_notify(3)), without libsystemd: one datagram of KEY=VALUE
// lines to the unix socket in $NOTIFY_SOCKET.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vigil::edge {

class Notifier {
 public:
  // Tells nobody, and is content.
  Notifier() = default;
  // `socket`: a path, or an abstract address with '@' in front; empty or null makes a Notifier that tells
  // nobody.
  static Result<Notifier> create(const char* socket);
  // From $NOTIFY_SOCKET, which is taken out of the environment so that no child speaks for us.
  static Result<Notifier> from_environment();

  bool active() const { return !address_.empty(); }

  // `status`: a sentence for `systemctl status`; may be empty.
  Result<void> ready(std::string_view status) const;
  Result<void> status(std::string_view status) const;
  // Followed by ready() when the reload is done.
  Result<void> reloading() const;
  Result<void> stopping(std::string_view status) const;

 private:
  Result<void> send(const std::string& lines) const;
  std::string address_;  // as in sun_path; a leading NUL for an abstract one
};

}  // namespace vigil::edge
