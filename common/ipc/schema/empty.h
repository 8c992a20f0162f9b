/* SPDX-License-Identifier: ISC */
/* Gives the schema's words, all but MSG, the meaning "nothing", for a pass that wants the messages alone. undef.h ends it. */
#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define STR(f, max)
#define BIN(f, n)
#define VIEW(f, max)
#define SINCE(n)
#define END(name)
