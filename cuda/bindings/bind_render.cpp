#include <nanobind/nanobind.h>
namespace nb = nanobind;
void bind_render(nb::module_ &) {}
