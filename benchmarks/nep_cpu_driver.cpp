// Times NEP_CPU (https://github.com/brucefan1983/NEP_CPU, not part of neptuner); engine_speed.py compiles and runs it.
//
//     nep_cpu_driver nep.txt structure.txt
//
// The structure is plain numbers: count, types, box (ax bx cx ay by cy az bz cz), all x, all y, all z. Each line
// "compute N" or "lammps N" on stdin is answered by the seconds of N calls in a line, "forces FILE" writes all fx, fy,
// fz of the last call. "compute" is NEP::compute, which makes its neighbour list in each call; "lammps" is
// NEP::compute_for_lammps without per-atom virials on a list made beforehand with a skin of 1 angstrom.
#include "nep.h"
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

struct System {
  std::vector<int> type;
  std::vector<double> box, x, potential, force, virial;
};

// Atoms and periodic images with full lists, laid out as LAMMPS hands them over.
struct Lists {
  std::vector<int> origin, type, ilist, count, map;
  std::vector<double> x, f;
  std::vector<double*> rows, forces;
  std::vector<std::vector<int>> neighbor;
  std::vector<int*> first;
};

static System read_system(const char* path)
{
  System s;
  std::ifstream in(path);
  std::size_t n = 0;
  in >> n;
  s.type.resize(n);
  s.box.resize(9);
  s.x.resize(3 * n);
  for (int& t : s.type) in >> t;
  for (double& b : s.box) in >> b;
  for (double& x : s.x) in >> x;
  if (!in) {
    std::fprintf(stderr, "%s is not a structure\n", path);
    std::exit(1);
  }
  s.potential.resize(n);
  s.force.resize(3 * n);
  s.virial.resize(9 * n);
  return s;
}

// Shifts along a lattice vector that may bring an image within reach of the cell, whose faces are this far apart.
static int images_along(const std::vector<double>& b, int axis, double reach)
{
  double v[3][3];
  for (int k = 0; k < 3; ++k)
    for (int d = 0; d < 3; ++d) v[k][d] = b[3 * d + (axis + k) % 3];
  double n[3] = {
    v[1][1] * v[2][2] - v[1][2] * v[2][1], v[1][2] * v[2][0] - v[1][0] * v[2][2], v[1][0] * v[2][1] - v[1][1] * v[2][0]};
  double volume = std::abs(v[0][0] * n[0] + v[0][1] * n[1] + v[0][2] * n[2]);
  return 1 + int(std::ceil(reach * std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) / volume));
}

static bool is_near(const Lists& l, const std::vector<double>& low, const std::vector<double>& high, double reach)
{
  for (int d = 0; d < 3; ++d) {
    double x = l.x[l.x.size() - 3 + d];
    if (x < low[d] - reach || x > high[d] + reach) return false;
  }
  return true;
}

static void add_image(Lists& l, const System& s, int i, int a, int b, int c)
{
  int n = s.type.size();
  for (int d = 0; d < 3; ++d)
    l.x.push_back(s.x[d * n + i] + s.box[3 * d] * a + s.box[3 * d + 1] * b + s.box[3 * d + 2] * c);
}

static void find_images(Lists& l, const System& s, double reach)
{
  int n = s.type.size();
  std::vector<double> low(3, 1e300), high(3, -1e300);
  for (int i = 0; i < n; ++i) {
    add_image(l, s, i, 0, 0, 0);
    l.origin.push_back(i);
    for (int d = 0; d < 3; ++d) {
      low[d] = std::min(low[d], l.x[3 * i + d]);
      high[d] = std::max(high[d], l.x[3 * i + d]);
    }
  }
  int most[3];
  for (int axis = 0; axis < 3; ++axis) most[axis] = images_along(s.box, axis, reach);
  for (int a = -most[0]; a <= most[0]; ++a)
    for (int b = -most[1]; b <= most[1]; ++b)
      for (int c = -most[2]; c <= most[2]; ++c)
        for (int i = 0; i < n && (a || b || c); ++i) {
          add_image(l, s, i, a, b, c);
          if (is_near(l, low, high, reach))
            l.origin.push_back(i);
          else
            l.x.resize(l.x.size() - 3);
        }
}

static void find_neighbors(Lists& l, int n, double reach)
{
  int images = l.origin.size();
  l.neighbor.resize(n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < images; ++j) {
      double dx = l.x[3 * j] - l.x[3 * i], dy = l.x[3 * j + 1] - l.x[3 * i + 1], dz = l.x[3 * j + 2] - l.x[3 * i + 2];
      if (j != i && dx * dx + dy * dy + dz * dz < reach * reach) l.neighbor[i].push_back(j);
    }
    l.count.push_back(l.neighbor[i].size());
    l.first.push_back(l.neighbor[i].data());
    l.ilist.push_back(i);
  }
}

static Lists make_lists(const System& s, const NEP& nep)
{
  Lists l;
  double reach = nep.paramb.rc_radial_max + 1.0;
  find_images(l, s, reach);
  find_neighbors(l, s.type.size(), reach);
  l.f.resize(l.x.size());
  for (std::size_t j = 0; j < l.origin.size(); ++j) {
    l.type.push_back(s.type[l.origin[j]]);
    l.rows.push_back(&l.x[3 * j]);
    l.forces.push_back(&l.f[3 * j]);
  }
  for (std::size_t t = 0; t < nep.paramb.num_types; ++t) l.map.push_back(t);
  return l;
}

static void call_lammps(NEP& nep, System& s, Lists& l)
{
  int n = s.type.size();
  double energy = 0.0, virial[6] = {0.0};
  std::fill(l.f.begin(), l.f.end(), 0.0);
  nep.compute_for_lammps(
    n, n, l.ilist.data(), l.count.data(), l.first.data(), l.type.data(), l.map.data(), l.rows.data(), energy, virial,
    nullptr, l.forces.data(), nullptr);
  std::fill(s.force.begin(), s.force.end(), 0.0);
  for (std::size_t j = 0; j < l.origin.size(); ++j)
    for (int d = 0; d < 3; ++d) s.force[d * n + l.origin[j]] += l.f[3 * j + d];
}

int main(int argc, char** argv)
{
  if (argc != 3) {
    std::fprintf(stderr, "usage: nep_cpu_driver nep.txt structure.txt\n");
    return 1;
  }
  NEP nep;
  nep.init_from_file(argv[1], false);
  System s = read_system(argv[2]);
  Lists lists;
  std::string line, command, argument;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    words >> command >> argument;
    if (command == "forces") {
      std::ofstream out(argument);
      out.precision(17);
      for (double f : s.force) out << f << "\n";
    } else {
      if (command == "lammps" && lists.origin.empty()) lists = make_lists(s, nep);
      for (int call = std::stoi(argument); call > 0; --call) {
        auto begin = std::chrono::steady_clock::now();
        if (command == "lammps")
          call_lammps(nep, s, lists);
        else
          nep.compute(s.type, s.box, s.x, s.potential, s.force, s.virial);
        std::printf("%.9f ", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      }
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}
