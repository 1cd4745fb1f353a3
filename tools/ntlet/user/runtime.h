/*
 * What C programs expect to have and NT does not: memory and string functions, formatted output, paths as
 * people type them. All in ntdll, so that there is one copy.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECONDS(n) ((LARGE_INTEGER)(n)*10000000)
#define MILLISECONDS(n) ((LARGE_INTEGER)(n)*10000)

/* Every program has this; the result is its exit status. Called by program.S. */
i32 program_main(const char *commandLine);

/* Memory and strings (ntdll/string.c). The compiler calls the first four by itself. */
void *memcpy(void *to, const void *from, u32 length);
void *memmove(void *to, const void *from, u32 length);
void *memset(void *to, i32 value, u32 length);
i32 memcmp(const void *left, const void *right, u32 length);
u32 strlen(const char *text);
i32 strcmp(const char *left, const char *right);
i32 stricmp(const char *left, const char *right);
i32 strnicmp(const char *left, const char *right, u32 length);
char *strchr(const char *text, char wanted); /* NULL for a zero wanted, too */
u32 wcslen(const wchar *text);
char ToLower(char c);

/* All of the text must be a number, decimal or 0x…, of 32 bits. Returns 1 if it is. */
u8 ParseNumber(const char *text, u32 *value);
/*
 * The next word of *rest, which goes on behind it; NULL if there is none. "…" may hold spaces. Changes the
 * text.
 */
char *NextWord(char **rest);
/* Both cut what does not fit and end with a zero; characters that ASCII does not have become '?'. */
void AsciiToWide(const char *text, wchar *wide, u32 capacity);
void WideToAscii(const UNICODE_STRING *string, char *text, u32 capacity);

/*
 * Formatted text (ntdll/print.c): %s, %c, %d, %u, %x, %S (wchar*), %Z (UNICODE_STRING*), %%; with a width,
 * which a zero before it fills with zeros, and a minus with spaces behind.
 */
void Print(HANDLE handle, const char *format, ...);
u32 Format(char *buffer, u32 capacity, const char *format, ...); /* returns the length of what fits */
/* "WHAT: reason in words (0xc0000034)" and a new line. */
void PrintStatus(HANDLE handle, const char *what, NTSTATUS status);

/* Files (ntdll/file.c) */
#define PATH_LENGTH 260u
struct native_path {
  OBJECT_ATTRIBUTES Attributes;
  UNICODE_STRING Name;
  wchar Text[PATH_LENGTH];
};
/*
 * Makes a native path of C:\x\y, x\y, /x/y, or what is native already (\??\…, \Device\…). Points into *path.
 */
NTSTATUS NativePath(const char *text, struct native_path *path);
/*
 * Path as for NativePath; NtCreateFile with SYNCHRONIZE added to the access. Console and files: add
 * FILE_SYNCHRONOUS_IO_NONALERT to the options, and reads and writes wait.
 */
NTSTATUS OpenPath(const char *path, u32 access, u32 disposition, u32 options, HANDLE *handle);
NTSTATUS ReadSome(HANDLE handle, void *buffer, u32 length, u32 *read);
NTSTATUS WriteAll(HANDLE handle, const void *buffer, u32 length);
/* Adds to the end of a file, which is made if there is none. */
NTSTATUS AppendFile(const char *path, const void *data, u32 length);
NTSTATUS DeviceControl(HANDLE handle, u32 code, void *input, u32 inputLength, void *output, u32 outputLength,
                       u32 *returned);

/*
 * Reads a line without its end into the buffer, and returns its length. What is before a Ctrl-C is dropped.
 * LINE_TOO_LONG: it did not fit and is dropped; LINE_FAILED: the device gives none.
 */
#define LINE_TOO_LONG (-1)
#define LINE_FAILED (-2)
i32 ReadLine(HANDLE handle, char *buffer, u32 capacity);

/* Programs (ntdll/run.c) */
RTL_USER_PROCESS_PARAMETERS *ProcessParameters(void); /* never NULL */
#define StandardInput() (ProcessParameters()->StandardInput)
#define StandardOutput() (ProcessParameters()->StandardOutput)
const char *CommandLineText(void);
/*
 * RtlCreateUserProcess for ASCII text, with handles inherited; the path as for NativePath. standard NULL:
 * those of the caller.
 */
NTSTATUS RunProgram(const char *path, const char *commandLine, const HANDLE *standard, HANDLE *process,
                    CLIENT_ID *clientId);
/* Waits for a process, closes the handle and returns the exit status. */
NTSTATUS WaitForProcess(HANDLE process);
void Sleep(u32 milliseconds);

#endif
