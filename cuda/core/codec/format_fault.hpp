// What is wrong with a file, for the caller to turn into its own typed error.
#pragma once
#include <string>
#include <utility>

namespace gsz {

struct FormatFault {
    enum Kind { BAD_MAGIC, TRUNCATED, CORRUPT, UNSUPPORTED };
    Kind kind;
    std::string field, expected, found;
};

[[noreturn]] inline void fail(FormatFault::Kind kind, std::string field, std::string expected, std::string found) {
    throw FormatFault{kind, std::move(field), std::move(expected), std::move(found)};
}

}  // namespace gsz
