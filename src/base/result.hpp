// SPDX-License-Identifier: GPL-2.0-only
//
// What a function that may fail returns, and what it says when it does.
//
// An Error is a sentence for people. Each caller adds what *it* was doing with in(), so that the
// message reads from the outside in: "load rules: games.toml:12:3: unknown class 'gmae'".
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace vigil {

class [[nodiscard]] Error {
 public:
  explicit Error(std::string message, int code = 0) : message_(std::move(message)), code_(code) {}

  // From errno (or a negative libbpf/libuv return value, given as a positive number).
  static Error system(std::string_view doing, int code = errno) {
    return Error(std::string(doing) + ": " + std::generic_category().message(code), code);
  }

  const std::string& message() const { return message_; }
  int code() const { return code_; }  // errno value where there was one, else 0

  Error in(std::string_view doing) && {
    message_.insert(0, std::string(doing) + ": ");
    return std::move(*this);
  }

 private:
  std::string message_;
  int code_;
};

// An alias, so that it can become std::expected when every supported compiler has it.
template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message, int code = 0) {
  return tl::unexpected<Error>(Error(std::move(message), code));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> fail_system(std::string_view doing, int code = errno) {
  return tl::unexpected<Error>(Error::system(doing, code));
}

}  // namespace vigil
