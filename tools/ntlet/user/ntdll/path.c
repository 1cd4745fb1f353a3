/* Paths: from what people type to what the object manager wants. */
#include "../user.h"

struct path_writer {
  wchar *Text;
  u32 Length;
};

static u8 PutCharacter(struct path_writer *writer, char c) {
  if (writer->Length == PATH_LENGTH - 1) return 0;
  writer->Text[writer->Length++] = (u8)c;
  return 1;
}

static u8 IsSeparator(char c) { return c == '\\' || c == '/'; }

/* In names of files; NTFS forbids the same. */
static u8 IsForbidden(char c) { return (u8)c < 0x20 || (u8)c >= 0x7f || strchr("\"*:<>?|", c); }

/*
 * "\??\C:" and the components one by one: so `..` cannot lead out of the drive, nor `//` make an empty name.
 */
static u8 WriteDosPath(struct path_writer *writer, const char *text) {
  const char *root = "\\??\\C:";
  u32 rootLength = strlen(root), start, length;

  while (*root) PutCharacter(writer, *root++);
  for (;;) {
    while (IsSeparator(*text)) text++;
    if (!*text) break;
    for (length = 0; text[length] && !IsSeparator(text[length]); length++) {
      if (IsForbidden(text[length])) return 0;
    }
    if (length == 2 && text[0] == '.' && text[1] == '.') {
      while (writer->Length > rootLength && writer->Text[--writer->Length] != '\\') {}
    } else if (length != 1 || text[0] != '.') {
      if (!PutCharacter(writer, '\\')) return 0;
      for (start = 0; start < length; start++) {
        if (!PutCharacter(writer, text[start])) return 0;
      }
    }
    text += length;
  }
  return writer->Length > rootLength || PutCharacter(writer, '\\');
}

NTSTATUS NativePath(const char *text, struct native_path *path) {
  struct path_writer writer = {path->Text, 0};

  if (!strnicmp(text, "\\??\\", 4) || !strnicmp(text, "\\Device\\", 8)) {
    for (; *text; text++) {
      if (!PutCharacter(&writer, *text)) return STATUS_OBJECT_NAME_INVALID;
    }
  } else {
    if (text[0] && text[1] == ':') {
      if (ToLower(text[0]) != 'c') return STATUS_NO_SUCH_DEVICE;
      text += 2;
    }
    if (!WriteDosPath(&writer, text)) return STATUS_OBJECT_NAME_INVALID;
  }
  writer.Text[writer.Length] = 0;
  RtlInitUnicodeString(&path->Name, path->Text);
  InitializeObjectAttributes(&path->Attributes, &path->Name, OBJ_CASE_INSENSITIVE);
  return STATUS_SUCCESS;
}
