/* What smss and winlogon say to each other by LPC. */
#ifndef SM_H
#define SM_H

#define SM_PORT L"\\SmApiPort"

/* A logon is reported, and the answer is the same message with the count of all logons since the start. */
struct logon_message {
  PORT_MESSAGE Header;
  u32 Console;
  u32 Count;
  char User[32];
};
_Static_assert(sizeof(struct logon_message) <= PORT_MAXIMUM_MESSAGE, "logon_message");

#endif
