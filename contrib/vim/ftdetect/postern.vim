" SPDX-License-Identifier: BSD-2-Clause
" Policies of Postern are known by their name.
au BufRead,BufNewFile *.policy setfiletype postern
