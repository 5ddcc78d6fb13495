// The compressed control plane and its SHA-256 (as sha256sum prints it), or nothing of both when
// KUBASE_CONTROL_PLANE_ARCHIVE is not defined.
        .section .rodata
        .balign 64
        .global kubase_control_plane_begin
        .global kubase_control_plane_end
        .global kubase_control_plane_digest
kubase_control_plane_begin:
#ifdef KUBASE_CONTROL_PLANE_ARCHIVE
        .incbin KUBASE_CONTROL_PLANE_ARCHIVE
#endif
kubase_control_plane_end:
kubase_control_plane_digest:
#ifdef KUBASE_CONTROL_PLANE_DIGEST
        .incbin KUBASE_CONTROL_PLANE_DIGEST
#endif
        .byte 0
        .section .note.GNU-stack, "", %progbits
