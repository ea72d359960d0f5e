// The Python module `gscompress._core`. Each bind_*.cpp adds one part; every argument is checked there.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_anchors(nb::module_ &m);
void bind_codec(nb::module_ &m);
void bind_frames(nb::module_ &m);
void bind_render(nb::module_ &m);

NB_MODULE(_core, m) {
    bind_codec(m);
    bind_anchors(m);
    bind_frames(m);
    bind_render(m);
}
