set encoding utf8
set terminal pdfcairo size 7.11in,4.44in noenhanced font 'sans,10' background rgb '#ffffff'
set output 'speedup.pdf'
set key above left horizontal Left reverse samplen 2 tc rgb '#000000'
set tics out scale 0.5
set title '' tc rgb '#000000'
set key maxcols 6
set xlabel 'ranks' tc rgb '#000000'
unset logscale x
set xrange [0.5:4.5]
set xtics autofreq nomirror tc rgb '#000000'
set format x '%g'
set xtics ('1' 1, '2' 2, '4' 4)
set ylabel 'times as fast' tc rgb '#000000'
unset logscale y
set yrange [0:*]
set ytics autofreq nomirror tc rgb '#000000'
set format y '%g'
unset arrow
unset label
set border 3 lc rgb '#000000'
set grid lc rgb '#80808080' dt (1,3)
$d0 << END
2 1.657062 1.64536468 1.6660432
4 2.72772748 2.71619579 2.73466929
END
$d2 << END
1 1 1 1
1.2 1.2 1.2 1.2
1.44 1.44 1.44 1.44
1.728 1.728 1.728 1.728
2.0736 2.0736 2.0736 2.0736
2.48832 2.48832 2.48832 2.48832
2.985984 2.985984 2.985984 2.985984
3.5831808 3.5831808 3.5831808 3.5831808
4.29981696 4.29981696 4.29981696 4.29981696
4.5 4.5 4.5 4.5
END
plot $d0 using 1:2:3:4 with yerrorbars lc rgb '#d55e00' lw 1.2 pt 0 ps 0 notitle, \
  $d0 using 1:2 with linespoints lc rgb '#d55e00' dt (12,5) lw 1.8 pt 5 ps 0.8 title 'ddp', \
  $d2 using 1:2 with lines lc rgb '#999999' dt (6,4) lw 1 title 'ideal'
unset output
reset
set terminal pngcairo size 1280,800 noenhanced font 'sans,11' fontscale 1.6 linewidth 1.6 pointscale 2 background rgb '#ffffff'
set output 'speedup.png'
set key above left horizontal Left reverse samplen 2 tc rgb '#000000'
set tics out scale 0.5
set title '' tc rgb '#000000'
set key maxcols 6
set xlabel 'ranks' tc rgb '#000000'
unset logscale x
set xrange [0.5:4.5]
set xtics autofreq nomirror tc rgb '#000000'
set format x '%g'
set xtics ('1' 1, '2' 2, '4' 4)
set ylabel 'times as fast' tc rgb '#000000'
unset logscale y
set yrange [0:*]
set ytics autofreq nomirror tc rgb '#000000'
set format y '%g'
unset arrow
unset label
set border 3 lc rgb '#000000'
set grid lc rgb '#80808080' dt (1,3)
$d0 << END
2 1.657062 1.64536468 1.6660432
4 2.72772748 2.71619579 2.73466929
END
$d2 << END
1 1 1 1
1.2 1.2 1.2 1.2
1.44 1.44 1.44 1.44
1.728 1.728 1.728 1.728
2.0736 2.0736 2.0736 2.0736
2.48832 2.48832 2.48832 2.48832
2.985984 2.985984 2.985984 2.985984
3.5831808 3.5831808 3.5831808 3.5831808
4.29981696 4.29981696 4.29981696 4.29981696
4.5 4.5 4.5 4.5
END
plot $d0 using 1:2:3:4 with yerrorbars lc rgb '#d55e00' lw 1.2 pt 0 ps 0 notitle, \
  $d0 using 1:2 with linespoints lc rgb '#d55e00' dt (12,5) lw 1.8 pt 5 ps 0.8 title 'ddp', \
  $d2 using 1:2 with lines lc rgb '#999999' dt (6,4) lw 1 title 'ideal'
unset output
