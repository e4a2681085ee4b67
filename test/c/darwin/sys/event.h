/* kevent(2) for the look at macOS's side: the model's. */
#include "../../kqueue/sys/event.h"
