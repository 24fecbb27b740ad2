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

    let codes = [0x5a; ROWS * COLS / 2];
    let scales = [127; ROWS * COLS / 32];
    let mut packed4 = vec![0; Mxfp4Matrix::num_bytes(ROWS, COLS).expect("small")];
    let mut packed8 = vec![0; Q8Matrix::num_bytes(ROWS, COLS).expect("small")];
    let bytes = [0x3f; 2 * ROWS * COLS];

    let before = COUNT.get();
    let source = Mxfp4Source::Split {
        blocks: &codes,
        scales: &scales,
    };
    pack_mxfp4(source, ROWS, COLS, &mut packed4).expect("the shape fits");
    let float =
        |rows, cols| FloatMatrix::new(&bytes, FloatType::Bf16, rows, cols).expect("the shape fits");
    let source = Q8Source::Float(float(ROWS, COLS));
    pack_q8(source, ROWS, COLS, &mut packed8).expect("the shape fits");
    let mxfp4 = Mxfp4Matrix::new(&packed4, ROWS, COLS).expect("the shape fits");
    let q8 = Q8Matrix::new(&packed8, ROWS, COLS).expect("the shape fits");
    for isa in Isa::available() {
        let x = [0.5; N * COLS];
        let mut out = [0.0; ROWS * N];
        let mut out = ColumnsMut::new(&mut out, ROWS);
        let (mut values, mut scales, mut corrections) =
            ([0; N * COLS], [0.0; N * COLS / 32], [0; N * COLS / 32]);
        let rows = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, COLS);
        quantize_q8(isa, &x, rows.expect("the shape fits"));
        let x8 = Q8Rows::new(&values, &scales, &corrections, COLS).expect("the shape fits");
        let (mut values, mut scales) = ([0; N * COLS], [0.0; N * COLS / 32]);
        quantize_q16(isa, &x, COLS, &mut values, &mut scales);
        let x16 = Q16Rows::new(&values, &scales, COLS).expect("the shape fits");

        matmul_q8_mxfp4(isa, mxfp4, 0..ROWS, x8, out.reborrow());
        matmul_q16_q8(isa, q8, 0..ROWS, x16, out.reborrow());
        matmul_f32_mxfp4(isa, mxfp4, 0..ROWS, &x, out.reborrow());
        matmul_f32_q8(isa, q8, 0..ROWS, &x, out.reborrow());
        matmul_f32_float(isa, float(ROWS, COLS), 0..ROWS, &x, out.reborrow());
        matmul_f32_float_transposed(isa, float(COLS, ROWS), 0..ROWS, &x, out.reborrow());

        let (mut y, mut half) = ([0.0; COLS], [0; COLS]);
        floats_to_f32(isa, FloatType::Bf16, &bytes[..2 * COLS], &mut y);
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
        std::hint::black_box((out.row(0), &y, &weights, &ids));
    }
    assert_eq!(COUNT.get(), before);
}
