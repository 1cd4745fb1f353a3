/* ntdll's PE header and exports. The kernel looks the Ki… entries and LdrInitializeThunk up by name. */
#define PE_BASE 0x7c900000
#define PE_ENTRY LdrInitializeThunk
#define PE_DLL 1
#define PE_NAME "ntdll.dll"
#define PE_EXPORTS "../user/ntdll/exports.h"
#define PE_STUB
#include "pe.inc"
