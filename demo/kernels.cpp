// CPU kernels for training the demo model: the parts of a gpt-oss block where stock operators
// waste most of their time on tensors this small.  Each exists as a forward and a backward:
//
//   add_norm    residual addition followed by RMSNorm
//   attention   RoPE, causal or sliding attention with sinks, per document of a packed batch
//   moe         top-k routing, expert MLPs over sorted rows, weighted sum
//
// Every kernel works for float and for bfloat16 activations; sums are always kept in float.
// They are single-threaded: training runs one process per core (see train.py).
#include <ATen/ATen.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <vector>

namespace {

using at::Tensor;

// ---------------------------------------------------------------- scalars and small vectors

typedef float Lanes __attribute__((vector_size(64), aligned(4)));  // 16 floats

inline float load(const float* p) { return *p; }
inline float load(const uint16_t* p) {
  uint32_t bits = uint32_t(*p) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
inline void store(float* p, float value) { *p = value; }
inline void store(uint16_t* p, float value) {  // round to nearest even
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  *p = uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class T> T* data(const Tensor& t) { return static_cast<T*>(t.data_ptr()); }

// Calls f with a null pointer of the element type of t (float, or uint16_t standing for bfloat16).
template <class F> void dispatch(const Tensor& t, F f) {
  if (t.scalar_type() == at::kFloat) {
    f(static_cast<float*>(nullptr));
  } else {
    TORCH_CHECK(t.scalar_type() == at::kBFloat16, "expected float or bfloat16");
    f(static_cast<uint16_t*>(nullptr));
  }
}

// ---------------------------------------------------------------- residual addition + RMSNorm

constexpr float kEpsilon = 1e-5f;

// x [T,H] float, delta [T,H] (any type) or none, gain [H] -> x + delta, RMSNorm of it in `type`, 1/rms [T].
std::tuple<Tensor, Tensor, Tensor> add_norm_forward(const Tensor& x, const std::optional<Tensor>& delta,
                                                    const Tensor& gain, at::ScalarType type) {
  const int64_t rows = x.size(0), width = x.size(1);
  Tensor sum = delta ? at::empty_like(x) : x;
  Tensor normed = at::empty({rows, width}, x.options().dtype(type));
  Tensor inverse = at::empty({rows}, x.options());
  if (delta) {
    dispatch(*delta, [&](auto* tag) {
      using T = std::remove_pointer_t<decltype(tag)>;
      const float* a = data<float>(x);
      const T* b = data<T>(*delta);
      float* o = data<float>(sum);
      for (int64_t i = 0; i < rows * width; i++) o[i] = a[i] + load(b + i);
    });
  }
  dispatch(normed, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const float* g = data<float>(gain);
    for (int64_t r = 0; r < rows; r++) {
      const float* in = data<float>(sum) + r * width;
      T* out = data<T>(normed) + r * width;
      float squares = 0;
      for (int64_t i = 0; i < width; i++) squares += in[i] * in[i];
      const float scale = 1 / std::sqrt(squares / width + kEpsilon);
      for (int64_t i = 0; i < width; i++) store(out + i, in[i] * scale * g[i]);
      data<float>(inverse)[r] = scale;
    }
  });
  return {sum, normed, inverse};
}

// Gradients of (x + delta) and of the gain.
std::tuple<Tensor, Tensor> add_norm_backward(const Tensor& dsum, const Tensor& dnormed, const Tensor& sum,
                                             const Tensor& gain, const Tensor& inverse) {
  const int64_t rows = sum.size(0), width = sum.size(1);
  Tensor dx = at::empty_like(sum), dgain = at::zeros_like(gain);
  dispatch(dnormed, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const float* g = data<float>(gain);
    float* dg = data<float>(dgain);
    for (int64_t r = 0; r < rows; r++) {
      const float* in = data<float>(sum) + r * width;
      const float* through = data<float>(dsum) + r * width;
      const T* dy = data<T>(dnormed) + r * width;
      float* out = data<float>(dx) + r * width;
      const float scale = data<float>(inverse)[r];
      float dot = 0;
      for (int64_t i = 0; i < width; i++) {
        const float d = load(dy + i);
        dg[i] += d * in[i] * scale;
        dot += d * g[i] * in[i];
      }
      const float pull = dot * scale * scale * scale / width;
      for (int64_t i = 0; i < width; i++) out[i] = through[i] + load(dy + i) * g[i] * scale - in[i] * pull;
    }
  });
  return {dx, dgain};
}

// ---------------------------------------------------------------- attention

constexpr int64_t kDim = 32;   // head dimension
constexpr int64_t kRows = 8;   // queries handled together
constexpr int64_t kStep = 32;  // keys handled together
constexpr float kMasked = -1e30f;
constexpr float kLowest = -80;  // exp() of this is zero for our purpose

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// out[r][j] = sum_d a[r][d] * bt[d][j], for kRows rows and n columns (a multiple of kStep).
void outer(const float* a, const float* bt, int64_t bt_stride, int64_t n, float* out, int64_t out_stride) {
  for (int64_t j = 0; j < n; j += kStep) {
    Lanes acc[kRows][2] = {};
    for (int64_t d = 0; d < kDim; d++) {
      const Lanes b0 = *(const Lanes*)(bt + d * bt_stride + j);
      const Lanes b1 = *(const Lanes*)(bt + d * bt_stride + j + 16);
      for (int64_t r = 0; r < kRows; r++) {
        acc[r][0] += a[r * kDim + d] * b0;
        acc[r][1] += a[r * kDim + d] * b1;
      }
    }
    for (int64_t r = 0; r < kRows; r++) {
      *(Lanes*)(out + r * out_stride + j) = acc[r][0];
      *(Lanes*)(out + r * out_stride + j + 16) = acc[r][1];
    }
  }
}

// out[r][:] = sum_j p[r][j] * b[j][:]
void combine(const float* p, int64_t p_stride, const float* b, int64_t n, float* out) {
  Lanes acc[kRows][2] = {};
  for (int64_t j = 0; j < n; j++) {
    const Lanes b0 = *(const Lanes*)(b + j * kDim), b1 = *(const Lanes*)(b + j * kDim + 16);
    for (int64_t r = 0; r < kRows; r++) {
      acc[r][0] += p[r * p_stride + j] * b0;
      acc[r][1] += p[r * p_stride + j] * b1;
    }
  }
  for (int64_t r = 0; r < kRows; r++) {
    *(Lanes*)(out + r * kDim) = acc[r][0];
    *(Lanes*)(out + r * kDim + 16) = acc[r][1];
  }
}

// into[j][:] += sum_r p[r][j] * a[r][:]
void spread(const float* p, int64_t p_stride, const float* a, int64_t n, float* into) {
  Lanes row[kRows][2];
  for (int64_t r = 0; r < kRows; r++) {
    row[r][0] = *(const Lanes*)(a + r * kDim);
    row[r][1] = *(const Lanes*)(a + r * kDim + 16);
  }
  for (int64_t j = 0; j < n; j++) {
    Lanes s0 = *(const Lanes*)(into + j * kDim), s1 = *(const Lanes*)(into + j * kDim + 16);
    for (int64_t r = 0; r < kRows; r++) {
      s0 += p[r * p_stride + j] * row[r][0];
      s1 += p[r * p_stride + j] * row[r][1];
    }
    *(Lanes*)(into + j * kDim) = s0;
    *(Lanes*)(into + j * kDim + 16) = s1;
  }
}

// The rotary tables: cos and sin [positions, kDim/2], already multiplied by the YaRN factor.
struct Rotary {
  const float* cos;
  const float* sin;
  // out[i] = rotated row at position pos, times scale
  template <class T> void apply(const T* in, int64_t pos, float scale, float* out) const {
    const float *c = cos + pos * kDim / 2, *s = sin + pos * kDim / 2;
    for (int64_t i = 0; i < kDim / 2; i++) {
      const float a = load(in + i), b = load(in + kDim / 2 + i);
      out[i] = (a * c[i] - b * s[i]) * scale;
      out[kDim / 2 + i] = (b * c[i] + a * s[i]) * scale;
    }
  }
  template <class T> void transpose(const float* grad, int64_t pos, float scale, T* out) const {
    const float *c = cos + pos * kDim / 2, *s = sin + pos * kDim / 2;
    for (int64_t i = 0; i < kDim / 2; i++) {
      const float a = grad[i], b = grad[kDim / 2 + i];
      store(out + i, (a * c[i] + b * s[i]) * scale);
      store(out + kDim / 2 + i, (b * c[i] - a * s[i]) * scale);
    }
  }
};

// Zero-padded copies of one document's rows; columns [kDim][padded] are transposed rows.
struct Rows {
  int64_t padded;
  std::vector<float> values;
  void reset(int64_t length) {
    padded = round_up(length, kStep);
    values.assign(padded * kDim, 0.f);
  }
  float* row(int64_t i) { return values.data() + i * kDim; }
  void transpose_into(Rows& columns) const {
    columns.padded = padded;
    columns.values.resize(values.size());
    for (int64_t i = 0; i < padded; i++)
      for (int64_t d = 0; d < kDim; d++) columns.values[d * padded + i] = values[i * kDim + d];
  }
};

struct KeyRange {
  int64_t begin, count;
};
// Keys that any of the kRows queries starting at `first` can see, widened to whole steps.
KeyRange visible(int64_t first, int64_t window, int64_t padded) {
  const int64_t begin = std::max<int64_t>(0, first - window + 1) / kStep * kStep;
  return {begin, std::min(padded, round_up(first + kRows, kStep)) - begin};
}
void mask(float* scores, int64_t query, int64_t window, KeyRange keys) {
  const int64_t low = std::max<int64_t>(0, query - window + 1) - keys.begin, high = query + 1 - keys.begin;
  for (int64_t j = 0; j < std::min(low, keys.count); j++) scores[j] = kMasked;
  for (int64_t j = std::max<int64_t>(0, high); j < keys.count; j++) scores[j] = kMasked;
}

// qkv [T,(nq+2nkv)*kDim], sinks [nq] float, offsets [documents+1] -> output [T,nq*kDim], log-sum-exp [nq,T].
std::tuple<Tensor, Tensor> attention_forward(const Tensor& qkv, const Tensor& sinks, const Tensor& offsets,
                                             const Tensor& cos, const Tensor& sin, int64_t nq, int64_t nkv,
                                             int64_t window) {
  const int64_t total = qkv.size(0), stride = qkv.size(1);
  TORCH_CHECK(stride == (nq + 2 * nkv) * kDim && qkv.is_contiguous());
  Tensor out = at::zeros({total, nq * kDim}, qkv.options());
  Tensor lse = at::zeros({nq, total}, sinks.options());
  const Rotary rotary{data<float>(cos), data<float>(sin)};
  const float scale = 1 / std::sqrt(float(kDim));
  dispatch(qkv, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    Rows q, k, kt, v;
    std::vector<float> scores;
    float mixed[kRows * kDim];
    const int64_t* bounds = data<int64_t>(offsets);
    for (int64_t doc = 0; doc + 1 < offsets.size(0); doc++) {
      const int64_t start = bounds[doc], length = bounds[doc + 1] - start;
      for (int64_t head = 0; head < nq; head++) {
        const int64_t kv = head / (nq / nkv);
        const T* base = data<T>(qkv) + start * stride;
        if (head % (nq / nkv) == 0) {
          k.reset(length), v.reset(length);
          for (int64_t i = 0; i < length; i++) {
            rotary.apply(base + i * stride + (nq + kv) * kDim, i, 1, k.row(i));
            for (int64_t d = 0; d < kDim; d++)
              v.row(i)[d] = load(base + i * stride + (nq + nkv + kv) * kDim + d);
          }
          k.transpose_into(kt);
        }
        q.reset(length);
        for (int64_t i = 0; i < length; i++) rotary.apply(base + i * stride + head * kDim, i, scale, q.row(i));
        const float sink = data<float>(sinks)[head];
        for (int64_t first = 0; first < length; first += kRows) {
          const KeyRange keys = visible(first, window, k.padded);
          const int64_t n = keys.count;
          scores.resize(kRows * n);
          outer(q.row(first), kt.values.data() + keys.begin, kt.padded, n, scores.data(), n);
          const int64_t rows = std::min(kRows, length - first);
          for (int64_t r = 0; r < rows; r++) {
            float* s = scores.data() + r * n;
            mask(s, first + r, window, keys);
            float top = sink, sum = 0;
            for (int64_t j = 0; j < n; j++) top = std::max(top, s[j]);
            for (int64_t j = 0; j < n; j++) {
              s[j] = std::exp(std::max(s[j] - top, kLowest));
              sum += s[j];
            }
            sum += std::exp(sink - top);
            for (int64_t j = 0; j < n; j++) s[j] *= 1 / sum;
            data<float>(lse)[head * total + start + first + r] = top + std::log(sum);
          }
          combine(scores.data(), n, v.row(keys.begin), n, mixed);
          for (int64_t r = 0; r < rows; r++)
            for (int64_t d = 0; d < kDim; d++)
              store(data<T>(out) + (start + first + r) * nq * kDim + head * kDim + d, mixed[r * kDim + d]);
        }
      }
    }
  });
  return {out, lse};
}

// Gradients of qkv and of the sinks.
std::tuple<Tensor, Tensor> attention_backward(const Tensor& dout, const Tensor& out, const Tensor& lse,
                                              const Tensor& qkv, const Tensor& sinks, const Tensor& offsets,
                                              const Tensor& cos, const Tensor& sin, int64_t nq, int64_t nkv,
                                              int64_t window) {
  const int64_t total = qkv.size(0), stride = qkv.size(1), out_stride = nq * kDim;
  Tensor dqkv = at::zeros_like(qkv), dsinks = at::zeros_like(sinks);
  const Rotary rotary{data<float>(cos), data<float>(sin)};
  const float scale = 1 / std::sqrt(float(kDim));
  dispatch(qkv, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    Rows q, k, kt, v, vt, dy, dk, dv;
    std::vector<float> p, dp, dot, shift;
    float dq[kRows * kDim];
    const int64_t* bounds = data<int64_t>(offsets);
    for (int64_t doc = 0; doc + 1 < offsets.size(0); doc++) {
      const int64_t start = bounds[doc], length = bounds[doc + 1] - start;
      const T* base = data<T>(qkv) + start * stride;
      T* dbase = data<T>(dqkv) + start * stride;
      for (int64_t head = 0; head < nq; head++) {
        const int64_t kv = head / (nq / nkv);
        if (head % (nq / nkv) == 0) {
          k.reset(length), v.reset(length), dk.reset(length), dv.reset(length);
          for (int64_t i = 0; i < length; i++) {
            rotary.apply(base + i * stride + (nq + kv) * kDim, i, 1, k.row(i));
            for (int64_t d = 0; d < kDim; d++)
              v.row(i)[d] = load(base + i * stride + (nq + nkv + kv) * kDim + d);
          }
          k.transpose_into(kt), v.transpose_into(vt);
        }
        q.reset(length), dy.reset(length);
        dot.assign(q.padded, 0.f), shift.assign(q.padded, -kMasked);
        const float sink = data<float>(sinks)[head];
        float dsink = 0;
        for (int64_t i = 0; i < length; i++) {
          rotary.apply(base + i * stride + head * kDim, i, scale, q.row(i));
          const T* g = data<T>(dout) + (start + i) * out_stride + head * kDim;
          const T* y = data<T>(out) + (start + i) * out_stride + head * kDim;
          float sum = 0;
          for (int64_t d = 0; d < kDim; d++) {
            dy.row(i)[d] = load(g + d);
            sum += load(g + d) * load(y + d);
          }
          dot[i] = sum;
          shift[i] = data<float>(lse)[head * total + start + i];
          dsink -= std::exp(sink - shift[i]) * sum;
        }
        data<float>(dsinks)[head] += dsink;
        for (int64_t first = 0; first < length; first += kRows) {
          const KeyRange keys = visible(first, window, k.padded);
          const int64_t n = keys.count;
          p.resize(kRows * n), dp.resize(kRows * n);
          outer(q.row(first), kt.values.data() + keys.begin, kt.padded, n, p.data(), n);
          outer(dy.row(first), vt.values.data() + keys.begin, vt.padded, n, dp.data(), n);
          for (int64_t r = 0; r < kRows; r++) {
            float *s = p.data() + r * n, *ds = dp.data() + r * n;
            mask(s, first + r, window, keys);
            const float offset = shift[first + r], mean = dot[first + r];
            for (int64_t j = 0; j < n; j++) {
              s[j] = std::exp(std::max(s[j] - offset, kLowest));
              ds[j] = s[j] * (ds[j] - mean);
            }
          }
          combine(dp.data(), n, k.row(keys.begin), n, dq);
          spread(dp.data(), n, q.row(first), n, dk.row(keys.begin));
          spread(p.data(), n, dy.row(first), n, dv.row(keys.begin));
          for (int64_t r = 0; r < std::min(kRows, length - first); r++)
            rotary.transpose(dq + r * kDim, first + r, scale, dbase + (first + r) * stride + head * kDim);
        }
        if ((head + 1) % (nq / nkv) == 0) {
          for (int64_t i = 0; i < length; i++) {
            rotary.transpose(dk.row(i), i, 1, dbase + i * stride + (nq + kv) * kDim);
            for (int64_t d = 0; d < kDim; d++)
              store(dbase + i * stride + (nq + nkv + kv) * kDim + d, dv.row(i)[d]);
          }
        }
      }
    }
  });
  return {dqkv, dsinks};
}

// ---------------------------------------------------------------- mixture of experts

constexpr float kAlpha = 1.702f, kLimit = 7;
constexpr int64_t kSegment = 64;  // each expert's rows are padded to this, so few matmul shapes occur

struct Gate {
  float gate, up, sigmoid;  // clamped inputs
  Gate(float g, float u)
      : gate(std::min(g, kLimit)), up(std::clamp(u, -kLimit, kLimit)), sigmoid(1 / (1 + std::exp(-kAlpha * gate))) {}
};

// u [n,2I] with the gate in the left and the up projection in the right half -> activations [n,I]
void swiglu(const Tensor& u, const Tensor& act) {
  const int64_t rows = u.size(0), width = act.size(1);
  dispatch(u, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for (int64_t r = 0; r < rows; r++) {
      const T* in = data<T>(u) + r * 2 * width;
      T* out = data<T>(act) + r * width;
      for (int64_t i = 0; i < width; i++) {
        const Gate x(load(in + i), load(in + width + i));
        store(out + i, x.gate * x.sigmoid * (x.up + 1));
      }
    }
  });
}

void swiglu_backward(const Tensor& u, const Tensor& dact, const Tensor& du) {
  const int64_t rows = u.size(0), width = dact.size(1);
  dispatch(u, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for (int64_t r = 0; r < rows; r++) {
      const T* in = data<T>(u) + r * 2 * width;
      const T* d = data<T>(dact) + r * width;
      T* out = data<T>(du) + r * 2 * width;
      for (int64_t i = 0; i < width; i++) {
        const float g = load(in + i), up = load(in + width + i), grad = load(d + i);
        const Gate x(g, up);
        const float dgate = x.sigmoid * (1 + kAlpha * x.gate * (1 - x.sigmoid)) * (x.up + 1);
        store(out + i, g <= kLimit ? grad * dgate : 0.f);
        store(out + width + i, std::abs(up) <= kLimit ? grad * x.gate * x.sigmoid : 0.f);
      }
    }
  });
}

// h [T,H], logits [T,E] float, w1 [E,H,2I], b1 [E,2I], w2 [E,I,H], b2 [E,H]
// -> output [T,H] float, and what the backward needs: the sorted rows' token (or -1) and slot weight [N],
//    segment bounds [E+1], sorted inputs [N,H], up-projections [N,2I], expert outputs [N,H].
std::vector<Tensor> moe_forward(const Tensor& h, const Tensor& logits, const Tensor& w1, const Tensor& b1,
                                const Tensor& w2, const Tensor& b2, int64_t active) {
  const int64_t total = h.size(0), width = h.size(1), experts = logits.size(1), inner = w2.size(1);
  TORCH_CHECK(active <= 8 && h.is_contiguous() && logits.is_contiguous());
  std::vector<int64_t> chosen(total * active), count(experts, 0);
  std::vector<float> weight(total * active);
  for (int64_t t = 0; t < total; t++) {
    const float* g = data<float>(logits) + t * experts;
    int64_t* pick = chosen.data() + t * active;
    for (int64_t a = 0; a < active; a++) {
      int64_t best = -1;
      for (int64_t e = 0; e < experts; e++)
        if (std::find(pick, pick + a, e) == pick + a && (best < 0 || g[e] > g[best])) best = e;
      pick[a] = best;
      count[best]++;
    }
    float sum = 0;
    for (int64_t a = 0; a < active; a++) sum += weight[t * active + a] = std::exp(g[pick[a]] - g[pick[0]]);
    for (int64_t a = 0; a < active; a++) weight[t * active + a] /= sum;
  }
  Tensor bounds = at::zeros({experts + 1}, at::kLong);
  int64_t* bound = data<int64_t>(bounds);
  for (int64_t e = 0; e < experts; e++) bound[e + 1] = bound[e] + round_up(count[e], kSegment);
  const int64_t n = bound[experts];
  Tensor token = at::full({n}, -1, at::kLong), slot_weight = at::zeros({n}, logits.options());
  Tensor x = at::zeros({n, width}, h.options()), u = at::empty({n, 2 * inner}, h.options());
  Tensor y = at::empty({n, width}, h.options()), act = at::empty({n, inner}, h.options());
  std::vector<int64_t> next(bound, bound + experts);
  const int64_t row_bytes = width * h.element_size();
  for (int64_t t = 0; t < total; t++)
    for (int64_t a = 0; a < active; a++) {
      const int64_t row = next[chosen[t * active + a]]++;
      data<int64_t>(token)[row] = t;
      data<float>(slot_weight)[row] = weight[t * active + a];
      std::memcpy(data<char>(x) + row * row_bytes, data<char>(h) + t * row_bytes, row_bytes);
    }
  for (int64_t e = 0; e < experts; e++) {
    const int64_t s = bound[e], len = bound[e + 1] - s;
    if (len == 0) continue;
    Tensor us = u.narrow(0, s, len), as = act.narrow(0, s, len), ys = y.narrow(0, s, len);
    at::addmm_out(us, b1[e], x.narrow(0, s, len), w1[e]);
    swiglu(us, as);
    at::addmm_out(ys, b2[e], as, w2[e]);
  }
  Tensor out = at::zeros({total, width}, logits.options());
  dispatch(h, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for (int64_t row = 0; row < n; row++) {
      const int64_t t = data<int64_t>(token)[row];
      if (t < 0) continue;
      const float w = data<float>(slot_weight)[row];
      float* o = data<float>(out) + t * width;
      const T* in = data<T>(y) + row * width;
      for (int64_t i = 0; i < width; i++) o[i] += w * load(in + i);
    }
  });
  return {out, token, slot_weight, bounds, x, u, y};
}

// -> gradients of h, logits, w1, b1, w2, b2
std::vector<Tensor> moe_backward(const Tensor& dout, const Tensor& token, const Tensor& slot_weight,
                                 const Tensor& bounds, const Tensor& x, const Tensor& u, const Tensor& y,
                                 const Tensor& w1, const Tensor& w2, int64_t active) {
  const int64_t total = dout.size(0), width = dout.size(1), n = x.size(0);
  const int64_t experts = w1.size(0), inner = w2.size(1);
  const int64_t* bound = data<int64_t>(bounds);
  Tensor dh = at::zeros({total, width}, dout.options()), dlogits = at::zeros({total, experts}, dout.options());
  Tensor dw1 = at::zeros_like(w1), dw2 = at::zeros_like(w2);
  Tensor db1 = at::zeros({experts, 2 * inner}, w1.options()), db2 = at::zeros({experts, width}, w1.options());
  Tensor dy = at::zeros_like(x), act = at::empty({n, inner}, x.options()), dact = at::empty_like(act);
  Tensor du = at::empty_like(u), dx = at::empty_like(x);
  std::vector<float> dweight(n, 0.f);
  dispatch(x, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for (int64_t row = 0; row < n; row++) {
      const int64_t t = data<int64_t>(token)[row];
      if (t < 0) continue;
      const float w = data<float>(slot_weight)[row];
      const float* g = data<float>(dout) + t * width;
      const T* out = data<T>(y) + row * width;
      T* d = data<T>(dy) + row * width;
      float dot = 0;
      for (int64_t i = 0; i < width; i++) {
        dot += g[i] * load(out + i);
        store(d + i, w * g[i]);
      }
      dweight[row] = dot;
    }
  });
  // softmax over the chosen logits: dlogit_a = w_a * (dw_a - sum_b w_b dw_b)
  std::vector<float> mean(total, 0.f);
  for (int64_t row = 0; row < n; row++)
    if (data<int64_t>(token)[row] >= 0)
      mean[data<int64_t>(token)[row]] += data<float>(slot_weight)[row] * dweight[row];
  for (int64_t e = 0; e < experts; e++)
    for (int64_t row = bound[e]; row < bound[e + 1]; row++) {
      const int64_t t = data<int64_t>(token)[row];
      if (t >= 0) data<float>(dlogits)[t * experts + e] = data<float>(slot_weight)[row] * (dweight[row] - mean[t]);
    }
  for (int64_t e = 0; e < experts; e++) {
    const int64_t s = bound[e], len = bound[e + 1] - s;
    if (len == 0) continue;
    Tensor xs = x.narrow(0, s, len), us = u.narrow(0, s, len), dys = dy.narrow(0, s, len);
    Tensor as = act.narrow(0, s, len), das = dact.narrow(0, s, len), dus = du.narrow(0, s, len);
    Tensor dxs = dx.narrow(0, s, len), dw1e = dw1[e], dw2e = dw2[e];
    swiglu(us, as);
    at::mm_out(das, dys, w2[e].t());
    at::mm_out(dw2e, as.t(), dys);
    swiglu_backward(us, das, dus);
    at::mm_out(dxs, dus, w1[e].t());
    at::mm_out(dw1e, xs.t(), dus);
    db1[e].copy_(dus.sum(0));
    db2[e].copy_(dys.sum(0));
  }
  dispatch(x, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for (int64_t row = 0; row < n; row++) {
      const int64_t t = data<int64_t>(token)[row];
      if (t < 0) continue;
      float* o = data<float>(dh) + t * width;
      const T* in = data<T>(dx) + row * width;
      for (int64_t i = 0; i < width; i++) o[i] += load(in + i);
    }
  });
  return {dh, dlogits, dw1, db1, dw2, db2};
}

}  // namespace

TORCH_LIBRARY(freeway_demo, m) {
  m.def("add_norm_forward", &add_norm_forward);
  m.def("add_norm_backward", &add_norm_backward);
  m.def("attention_forward", &attention_forward);
  m.def("attention_backward", &attention_backward);
  m.def("moe_forward", &moe_forward);
  m.def("moe_backward", &moe_backward);
}
