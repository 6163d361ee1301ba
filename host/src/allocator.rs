//! The process's allocator. Each invocation makes a hundred small allocations, and most end on the thread that made them.

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys as ffi;

/// mimalloc, called by its plain functions wherever their alignment will do, as the standard library calls `malloc`. The
/// others, which the crate `mimalloc` always calls, take twice as many instructions: 1,800 more for each hello.
pub struct Mimalloc;

/// What every block of at least this size is aligned to (`MI_MAX_ALIGN_SIZE`); smaller ones are to their size.
const NATURAL: usize = 16;

fn is_natural(align: usize, size: usize) -> bool {
    align <= NATURAL && align <= size
}

// SAFETY: blocks are of the size and the alignment that was asked for. `mi_free` and `mi_realloc` take blocks of either kind.
unsafe impl GlobalAlloc for Mimalloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (align, size) = (layout.align(), layout.size());
        // SAFETY: the caller's, which is that the size is not zero.
        let block =
            unsafe { if is_natural(align, size) { ffi::mi_malloc(size) } else { ffi::mi_malloc_aligned(size, align) } };
        block.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (align, size) = (layout.align(), layout.size());
        // SAFETY: as above.
        let block =
            unsafe { if is_natural(align, size) { ffi::mi_zalloc(size) } else { ffi::mi_zalloc_aligned(size, align) } };
        block.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller's, which is that the block is ours.
        unsafe { ffi::mi_free(block.cast()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (block, align) = (block.cast(), layout.align());
        // SAFETY: as above.
        let block = unsafe {
            if is_natural(align, size) {
                ffi::mi_realloc(block, size)
            } else {
                ffi::mi_realloc_aligned(block, size, align)
            }
        };
        block.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_their_alignment_and_keep_their_content() {
        for align in [1_usize, 8, 16, 64, 4096] {
            for size in [1_usize, 7, 8, 15, 16, 24, 40, 1000, 70_000] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the sizes are not zero, and each block is used within its own.
                unsafe {
                    let block = Mimalloc.alloc_zeroed(layout);
                    assert!(block.addr().is_multiple_of(align) && *block == 0 && *block.add(size - 1) == 0);
                    block.write_bytes(7, size);
                    let larger = Mimalloc.realloc(block, layout, size * 3);
                    assert!(larger.addr().is_multiple_of(align) && *larger.add(size - 1) == 7);
                    Mimalloc.dealloc(larger, Layout::from_size_align(size * 3, align).unwrap());
                }
            }
        }
    }
}
