/* SPDX-License-Identifier: ISC */
/* Forgets the meanings given to the schema's words, ready for the next pass. No include guard: meant to be included again. */
#undef MSG
#undef END
#undef SINCE
#undef U8
#undef U16
#undef U32
#undef U64
#undef STR
#undef BIN
#undef VIEW
#undef ANY
#undef SIPD
#undef MEDIAD
#undef FEATURED
#undef APID
