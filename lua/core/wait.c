/*
 * wait.c: the functions of the module that have to do with time and plain
 * descriptors.  poll(2), close(2).
 */
#include "lcore.h"

#include <errno.h>
#include <unistd.h>

int lcore_core_now(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)sslc_now() / (lua_Number)1e9);
  return 1;
}

/*
 * wait(fd, events, seconds|nil): the events that are ready; false at the
 * deadline.  False as well where a signal came in between: back in Lua its
 * handler gets to run, which is how Ctrl-C ends a wait.
 */
int lcore_core_wait(lua_State *L)
{
  int fd = lcore_checkfd(L, 1);
  int events = lcore_checkevents(L, 2, 0);
  int64_t deadline = lcore_optdeadline(L, 3);
  int ready = 0;
  sslc_status status = sslc_fd_wait(fd, events, deadline, &ready);
  if (status == SSLC_ERR_TIMEOUT || (status == SSLC_OK && ready == 0))
    return lcore_pushboolean(L, 0);
  if (status != SSLC_OK)
    return lcore_madefailure(L, status, SSLC_PHASE_NONE, errno);
  return lcore_pushevents(L, ready);
}

/* close_fd(fd).  Not repeated after EINTR: on Linux the descriptor is gone
 * by then, and may be somebody else's already. */
int lcore_core_close_fd(lua_State *L)
{
  int fd = lcore_checkfd(L, 1);
  if (close(fd) == 0 || errno == EINTR)
    return lcore_pushboolean(L, 1);
  return lcore_madefailure(L, SSLC_ERR_SYS, SSLC_PHASE_NONE, errno);
}
