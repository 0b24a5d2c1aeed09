// The visibility of the public API: everything else in the library is hidden.
#pragma once

#if defined(EVENKEEL_STATIC)
#define EVENKEEL_API
#else
#define EVENKEEL_API __attribute__((visibility("default")))
#endif
