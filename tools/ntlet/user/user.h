/*
 * Everything that ntdll offers to programs. There is no import table: programs are linked against ntdll's
 * addresses (build.sh), since ntdll is mapped at the same place in every process, as on XP without
 * relocation.
 */
#ifndef USER_H
#define USER_H

#include "nt.h"

#include "native.h"
#include "rtl.h"
#include "runtime.h"
#include "truth.h"

#endif
