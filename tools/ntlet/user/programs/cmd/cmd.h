/* What the shell's parts share. */
#ifndef CMD_H
#define CMD_H

#include "../../user.h"

#define PROGRAMS "C:\\WINNT\\system32\\"
#define LINE_LENGTH 1024u

/* A command gets the rest of its line, and may change it. */
void ListFiles(char *arguments);
void TypeFile(char *arguments);
void WriteText(char *arguments);
void AppendText(char *arguments);
void CopyFile(char *arguments);
void DeleteFile(char *arguments);
void RunCommand(char *arguments);
void StartCommand(char *arguments);
void ListProcesses(char *arguments);
void KillProcess(char *arguments);
void FetchCommand(char *arguments);

/*
 * Runs C:\WINNT\system32\NAME.exe, or a path; prints what goes wrong, except that there is no such file:
 * returns 0.
 */
u8 RunByName(char *name, const char *arguments, u8 background);

/* The next word, or NULL and a word about it. */
char *Require(char **arguments, const char *what);

#endif
