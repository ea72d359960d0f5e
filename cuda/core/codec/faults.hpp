// What is wrong with a file, for the caller to turn into its own typed error.
//
// Where exceptions are compiled in (everywhere but in WebAssembly), a fault is thrown. Where they are not, the program around the
// codec provides `stopped`, which tells its host of the fault and gives up this instance of the program.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace gsz {

struct FormatFault {
    enum Kind { BAD_MAGIC, TRUNCATED, CORRUPT, UNSUPPORTED };
    Kind kind;
    std::string field, expected, found;
};

struct Fault : std::runtime_error {  // a stream contradicts itself or what its header says
    using std::runtime_error::runtime_error;
};

#ifdef __cpp_exceptions

[[noreturn]] inline void fail(FormatFault::Kind kind, std::string field, std::string expected, std::string found) {
    throw FormatFault{kind, std::move(field), std::move(expected), std::move(found)};
}

[[noreturn]] inline void raise(const char *what) { throw Fault(what); }

// Runs `work`, whose faults are those of the stream that `name()` names.
template <class Name, class Work>
void of_stream(Name name, Work work) {
    try {
        work();
    } catch (const Fault &f) {
        fail(FormatFault::CORRUPT, name(), "a sound stream", f.what());
    }
}

#else

[[noreturn]] void stopped(const FormatFault &fault);

[[noreturn]] inline void fail(FormatFault::Kind kind, std::string field, std::string expected, std::string found) {
    stopped({kind, std::move(field), std::move(expected), std::move(found)});
}

struct StreamName {  // of the stream that is being decoded
    std::string (*text)(const void *name) = nullptr;
    const void *name = nullptr;
};
inline StreamName stream_name;

[[noreturn]] inline void raise(const char *what) { fail(FormatFault::CORRUPT, stream_name.text ? stream_name.text(stream_name.name) : "file", "a sound stream", what); }

template <class Name, class Work>
void of_stream(Name name, Work work) {
    stream_name = {[](const void *n) { return std::string((*static_cast<const Name *>(n))()); }, &name};
    work();
    stream_name = {};
}

#endif

}  // namespace gsz
