// What is wrong with a file, for the caller to turn into its own typed error.
//
// Faults are thrown. Compiled without exceptions (WebAssembly), they go to `refused`, which the program defines and which
// does not come back: what was being decoded is then given up together with all of the program's memory.
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

// What a stream whose `field` is wrong was expected to be.
inline FormatFault broken_stream(std::string field, const char *found) { return {FormatFault::CORRUPT, std::move(field), "a sound stream", found}; }

#ifdef __cpp_exceptions

struct Fault : std::runtime_error {  // a stream contradicts itself or what its header says
    using std::runtime_error::runtime_error;
};

[[noreturn]] inline void refuse(FormatFault fault) { throw fault; }
[[noreturn]] inline void broken(const char *found) { throw Fault(found); }

// Runs `work`, which reads the stream of `field`: a Fault in there is one of the file's.
template <class Work>
void in_stream(const std::string &field, Work work) {
    try {
        work();
    } catch (const Fault &f) {
        refuse(broken_stream(field, f.what()));
    }
}

#else

[[noreturn]] void refused(const FormatFault &fault);
inline const std::string *stream_read = nullptr;  // field of the stream that is being read

[[noreturn]] inline void refuse(FormatFault fault) { refused(fault); }
[[noreturn]] inline void broken(const char *found) { refused(broken_stream(stream_read ? *stream_read : "stream", found)); }

template <class Work>
void in_stream(const std::string &field, Work work) {
    stream_read = &field;
    work();
    stream_read = nullptr;
}

#endif

[[noreturn]] inline void fail(FormatFault::Kind kind, std::string field, std::string expected, std::string found) {
    refuse({kind, std::move(field), std::move(expected), std::move(found)});
}

}  // namespace gsz
