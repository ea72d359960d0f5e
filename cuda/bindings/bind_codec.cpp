#include <nanobind/nanobind.h>
namespace nb = nanobind;
void bind_codec(nb::module_ &) {}
