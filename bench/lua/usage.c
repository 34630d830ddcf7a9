/*
 * benchusage: what a process has used so far, for the contenders in Lua.
 *
 *   usage() -> user, sys, wall (seconds), maxrss (kilobytes), rss (bytes)
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <lua.h>
#include <lauxlib.h>

static lua_Number
seconds(struct timeval t)
{
  return (lua_Number)t.tv_sec + (lua_Number)t.tv_usec / 1e6;
}

static long
resident(void)
{
  FILE *file = fopen("/proc/self/statm", "r");
  long pages = 0;

  if (file == NULL)
    return 0;
  if (fscanf(file, "%*d %ld", &pages) != 1)
    pages = 0;
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static int
usage(lua_State *L)
{
  struct rusage used;
  struct timespec now;

  getrusage(RUSAGE_SELF, &used);
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, seconds(used.ru_utime));
  lua_pushnumber(L, seconds(used.ru_stime));
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
  lua_pushnumber(L, (lua_Number)used.ru_maxrss);
  lua_pushnumber(L, (lua_Number)resident());
  return 5;
}

__attribute__((visibility("default"))) int luaopen_benchusage(lua_State *L);

int
luaopen_benchusage(lua_State *L)
{
  lua_pushcfunction(L, usage);
  return 1;
}
