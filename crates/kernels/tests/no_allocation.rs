//! The kernels never allocate: a counting allocator watches every one of them on every instruction
//! set.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kernels::*;

struct Counting;

thread_local! {
    /// Allocations of this thread.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the promises of the trait, which are those of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn no_kernel_allocates() {
    const COLS: usize = 96;
    const ROWS: usize = 7;
    const N: usize = 5;
    let before = COUNT.get();
    drop(std::hint::black_box(vec![0]));
    assert_eq!(COUNT.get(), before + 1, "the allocator does not count");

    let before = COUNT.get();
    for isa in Isa::available() {
        let x = [0.5; N * COLS];
        let mut out = [0.0; ROWS * N];
        let (mut values, mut scales, mut corrections) =
            ([0; N * COLS], [0.0; N * COLS / 32], [0; N * COLS / 32]);
        let q8 = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, COLS);
        quantize_q8(isa, &x, q8.expect("the shape fits"));
        let q8 = Q8Rows::new(&values, &scales, &corrections, COLS).expect("the shape fits");

        let (codes, exponents) = ([0x5a; ROWS * COLS / 2], [127; ROWS * COLS / 32]);
        let mxfp4 = Mxfp4Matrix::new(&codes, &exponents, ROWS, COLS).expect("the shape fits");
        matmul_q8_mxfp4(isa, mxfp4, 0..ROWS, q8, &mut out);
        matmul_f32_mxfp4(isa, mxfp4, 0..ROWS, &x, &mut out);
        let bytes = [0x3f; 2 * ROWS * COLS];
        let bf16 = Bf16Matrix::new(&bytes, ROWS, COLS).expect("the shape fits");
        matmul_f32_bf16(isa, bf16, 0..ROWS, &x, &mut out);
        let bf16 = Bf16Matrix::new(&bytes, COLS, ROWS).expect("the shape fits");
        matmul_f32_bf16_transposed(isa, bf16, 0..ROWS, &x, &mut out);

        let (mut y, mut half) = ([0.0; COLS], [0; COLS]);
        bf16_to_f32(isa, &bytes[..2 * COLS], &mut y);
        f32_to_f16(isa, &x[..COLS], &mut half);
        let dots = dot_f32(isa, &x[..COLS], &y) + dot_f32_f16(isa, &x[..COLS], &half);
        axpy_f32(isa, dots, &x[..COLS], &mut y);
        axpy_f32_f16(isa, dots, &half, &mut y);
        rmsnorm(isa, &x[..COLS], &x[..COLS], 1e-5, &mut y);
        rope(isa, &mut y, &x[..COLS / 2], &x[..COLS / 2]);
        swiglu(isa, &x[..2 * COLS], 1.702, 7.0, &mut y);
        softmax_with_sink(isa, &mut y, 0.0);
        let (mut weights, mut ids) = ([0.0; 4], [0; 4]);
        topk_softmax(&y, &mut weights, &mut ids);
        std::hint::black_box((&out, &y, &weights, &ids));
    }
    assert_eq!(COUNT.get(), before);
}
